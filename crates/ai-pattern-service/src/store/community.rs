//! The local library of shared patterns.

use common::instant::UtcMicros;
use database::failure::StoreFailure;
use database::{Row, Statement};
use serde_json::Value;

use super::Store;

/// A pattern that somebody shares.
#[derive(Debug, Clone)]
pub struct NewCommunityPattern {
    /// Its id in the library.
    pub id: String,
    /// Its kind, such as `time_of_day`.
    pub pattern_type: String,
    /// Entity ids joined by `+`; none: it is about no particular ones.
    pub device_id: Option<String>,
    /// What it is made of, a JSON object.
    pub metadata: Value,
    /// What it is for, in words.
    pub description: String,
    /// Words to find it by.
    pub tags: Vec<String>,
    /// Who shares it.
    pub author: Option<String>,
}

/// A shared pattern, and how it was received.
#[derive(Debug, Clone)]
pub struct CommunityPattern {
    /// What was shared.
    pub pattern: NewCommunityPattern,
    /// Mean of its ratings, 0 without any.
    pub rating_avg: f64,
    /// How many there are.
    pub rating_count: u64,
    /// When it was shared.
    pub created_at: UtcMicros,
    /// When it was rated last.
    pub updated_at: UtcMicros,
}

/// One rating.
#[derive(Debug, Clone)]
pub struct Rating {
    /// Its number.
    pub number: i64,
    /// 1 to 5.
    pub rating: i64,
    /// In words.
    pub comment: Option<String>,
    /// Who.
    pub user_id: Option<String>,
    /// When.
    pub created_at: UtcMicros,
}

/// In which order patterns are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CommunityOrder {
    /// Best first.
    #[default]
    Rating,
    /// Most often rated first.
    Popularity,
    /// Newest first.
    Recent,
}

/// Which patterns to list.
#[derive(Debug, Clone, Default)]
pub struct CommunityFilter {
    /// One kind.
    pub pattern_type: Option<String>,
    /// At least this mean rating.
    pub min_rating: f64,
    /// With one of these tags; empty: any.
    pub tags: Vec<String>,
    /// The order.
    pub order: CommunityOrder,
}

const LISTED: &str = "SELECT c.id, c.pattern_type, c.device_id, c.pattern_metadata, c.description, c.tags, c.author, c.created_at, \
     c.updated_at, COALESCE(CAST(AVG(r.rating) AS DOUBLE PRECISION), 0.0) AS rating_avg, COUNT(r.id) AS rating_count \
     FROM community_patterns c LEFT JOIN pattern_ratings r ON r.pattern_id = c.id WHERE TRUE";
const GROUPED: &str = " GROUP BY c.id, c.pattern_type, c.device_id, c.pattern_metadata, c.description, c.tags, c.author, \
     c.created_at, c.updated_at";

impl Store {
    /// Adds a pattern to the library.
    pub async fn share(
        &self,
        new: &NewCommunityPattern,
        now: UtcMicros,
    ) -> Result<(), StoreFailure> {
        let tags = serde_json::to_string(&new.tags).expect("texts are JSON");
        let mut transaction = self.database.write().await?;
        transaction
            .execute(Statement::with(
                "INSERT INTO community_patterns (id, pattern_type, device_id, pattern_metadata, description, tags, author, \
                 created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8)",
                [
                    (&new.id).into(),
                    (&new.pattern_type).into(),
                    new.device_id.clone().into(),
                    new.metadata.to_string().into(),
                    (&new.description).into(),
                    tags.into(),
                    new.author.clone().into(),
                    now.get().into(),
                ],
            ))
            .await?;
        transaction.commit().await?;
        Ok(())
    }

    /// All patterns of the library that pass, in order.
    pub async fn shared(
        &self,
        asked: &CommunityFilter,
    ) -> Result<Vec<CommunityPattern>, StoreFailure> {
        let statement = Statement::new(LISTED)
            .bind_some(" AND c.pattern_type = ", asked.pattern_type.as_ref())
            .push(GROUPED)
            .push(match asked.order {
                CommunityOrder::Rating => " ORDER BY rating_avg DESC, rating_count DESC, c.id",
                CommunityOrder::Popularity => " ORDER BY rating_count DESC, rating_avg DESC, c.id",
                CommunityOrder::Recent => " ORDER BY c.created_at DESC, c.id",
            });
        let rows = self.database.fetch_all(statement).await?;
        let mut all = rows.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        all.retain(|shared| {
            let tags = &shared.pattern.tags;
            shared.rating_avg >= asked.min_rating
                && (asked.tags.is_empty() || asked.tags.iter().any(|tag| tags.contains(tag)))
        });
        Ok(all)
    }

    /// One pattern of the library.
    pub async fn shared_pattern(&self, id: &str) -> Result<Option<CommunityPattern>, StoreFailure> {
        let statement = Statement::new(LISTED)
            .push(" AND c.id = ")
            .bind(id)
            .push(GROUPED);
        let row = self.database.fetch_optional(statement).await?;
        row.as_ref().map(read).transpose()
    }

    /// Adds a rating; its number.
    pub async fn rate(
        &self,
        id: &str,
        rating: i64,
        comment: Option<&str>,
        user_id: Option<&str>,
        now: UtcMicros,
    ) -> Result<i64, StoreFailure> {
        let mut transaction = self.database.write().await?;
        let number = transaction
            .fetch_one(Statement::with(
                "INSERT INTO pattern_ratings (pattern_id, user_id, rating, comment, created_at) VALUES ($1, $2, $3, $4, $5) RETURNING id",
                [
                    id.into(),
                    user_id.map(str::to_owned).into(),
                    rating.into(),
                    comment.map(str::to_owned).into(),
                    now.get().into(),
                ],
            ))
            .await?
            .get(0)?;
        transaction
            .execute(Statement::with(
                "UPDATE community_patterns SET updated_at = $2 WHERE id = $1",
                [id.into(), now.get().into()],
            ))
            .await?;
        transaction.commit().await?;
        Ok(number)
    }

    /// Ratings of a pattern, newest first.
    pub async fn ratings(
        &self,
        id: &str,
        skip: u32,
        limit: u32,
    ) -> Result<Vec<Rating>, StoreFailure> {
        let rows = self
            .database
            .fetch_all(Statement::with(
                "SELECT id, rating, comment, user_id, created_at FROM pattern_ratings WHERE pattern_id = $1 \
                 ORDER BY id DESC LIMIT $2 OFFSET $3",
                [id.into(), limit.into(), skip.into()],
            ))
            .await?;
        rows.iter()
            .map(|row| {
                Ok(Rating {
                    number: row.get(0)?,
                    rating: row.get(1)?,
                    comment: row.get(2)?,
                    user_id: row.get(3)?,
                    created_at: UtcMicros::new(row.get(4)?).unwrap_or_default(),
                })
            })
            .collect()
    }
}

fn read(row: &Row) -> Result<CommunityPattern, StoreFailure> {
    let instant = |micros: i64| UtcMicros::new(micros).unwrap_or_default();
    Ok(CommunityPattern {
        pattern: NewCommunityPattern {
            id: row.get("id")?,
            pattern_type: row.get("pattern_type")?,
            device_id: row.get("device_id")?,
            metadata: serde_json::from_str(&row.get::<String>("pattern_metadata")?)
                .unwrap_or_default(),
            description: row.get("description")?,
            tags: serde_json::from_str(&row.get::<String>("tags")?).unwrap_or_default(),
            author: row.get("author")?,
        },
        rating_avg: row.get("rating_avg")?,
        rating_count: row.count("rating_count")?,
        created_at: instant(row.get("created_at")?),
        updated_at: instant(row.get("updated_at")?),
    })
}
