//! What a run does about automations: which there are, what became of ours, and who is to be told.

use common::instant::UtcMicros;
use home_assistant_automation::automate;
use home_assistant_client::AskFailed;
use pattern_mining::pattern::Pattern;

use super::Analyst;
use crate::home_assistant::{self, Effect, Home, Relations};
use crate::ledger::{Known, News};
use crate::store::{StoreFailure, StoredAutomation};

/// Habits that one notification is about at most.
const MAX_ANNOUNCED: u32 = 100;
const PART: &str = "home_assistant";

impl Analyst {
    /// Home Assistant, as far as we are let in.
    pub(crate) fn home(&self) -> &Home {
        &self.0.parts.home
    }

    /// Asks which automations do what these habits do. None: nobody to ask, or no answer; what was known stays.
    pub(super) async fn relations(&self, lines: &[(&Pattern, News)]) -> Option<Relations> {
        let patterns: Vec<_> = lines.iter().map(|(pattern, _)| *pattern).collect();
        match self.home().relations(&patterns).await? {
            Ok(relations) => {
                self.0.parts.health.restore(PART);
                Some(relations)
            }
            Err(failed) => {
                self.complain(&failed);
                None
            }
        }
    }

    /// Without those that an automation does already, and that nobody was told of.
    pub(super) async fn uncovered<'a>(
        &self,
        lines: &[(&'a Pattern, News)],
        known: &[Known],
        relations: Option<&Relations>,
    ) -> Result<Vec<(&'a Pattern, News)>, StoreFailure> {
        let covered = match relations {
            Some(relations) => relations.covered(),
            None => self.0.parts.store.covered().await?,
        };
        let was_told = |id: &str| {
            known
                .iter()
                .any(|known| known.told && known.pattern.id == id)
        };
        let to_tell = lines
            .iter()
            .filter(|(pattern, _)| !covered.contains(&pattern.id) || was_told(&pattern.id));
        Ok(to_tell.copied().collect())
    }

    /// Counts what became of each automation that was created.
    pub(super) async fn follow_automations(&self) -> Result<(), StoreFailure> {
        for automation in self.0.parts.store.automations().await? {
            if let Some(habit) = self
                .0
                .parts
                .store
                .pattern(&automation.number.to_string())
                .await?
            {
                self.follow(&automation, &habit.pattern).await?;
            }
        }
        Ok(())
    }

    /// What became of an automation until now. What can no longer be taken back is kept.
    pub(crate) async fn follow(
        &self,
        automation: &StoredAutomation,
        habit: &Pattern,
    ) -> Result<Effect, StoreFailure> {
        let parts = &self.0.parts;
        let (Some(entity), Ok(written)) = (&automation.entity_id, automate(habit)) else {
            return Ok(automation.effect);
        };
        let now = parts.clock.now();
        let since = automation.looked_until;
        let following =
            home_assistant::follow(&parts.data_api, entity, written.targets(), since, now);
        let (settled, open) = match following.await {
            Ok(effects) => effects,
            Err(failed) => {
                tracing::warn!(automation = %entity, error = %failed, "what became of an automation cannot be read now; the next run counts it");
                return Ok(automation.effect);
            }
        };
        let settled = automation.effect.and(settled);
        let until = home_assistant::settled_until(now).max(since);
        parts
            .store
            .keep_effect(automation.number, settled, until)
            .await?;
        Ok(settled.and(open))
    }

    /// Tells Home Assistant of habits that it was not told of, where that is wanted.
    pub(super) async fn announce(&self) -> Result<(), StoreFailure> {
        let parts = &self.0.parts;
        if !self.home().announces() {
            return Ok(());
        }
        let now: UtcMicros = parts.clock.now();
        let habits = parts.store.untold_in_home(now, MAX_ANNOUNCED).await?;
        if habits.is_empty() {
            return Ok(());
        }
        match self.home().announce(&habits).await {
            Ok(()) => parts.store.mark_told_in_home(&habits, now).await?,
            Err(failed) => self.complain(&failed),
        }
        Ok(())
    }

    fn complain(&self, failed: &AskFailed) {
        if self.0.parts.health.degrade(PART, failed.to_string()) {
            tracing::warn!(error = %failed, "Home Assistant's automations are not looked at; the next run tries again");
        }
    }
}
