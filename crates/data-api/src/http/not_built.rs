//! What the replaced service had and HomeIQ does not: each path says so, and why, instead of a bare 404.
//!
//! docs/COMPATIBILITY.md has the same list for readers.

use axum::routing::any;
use common::http::problem::Problem;
use utoipa_axum::router::OpenApiRouter;

use super::Api;

/// A part of the replaced service that is not built.
struct NotBuilt {
    /// Its name in a sentence.
    what: &'static str,
    /// Why it is not built, and where else to look.
    why: &'static str,
    /// Paths of it.
    paths: &'static [&'static str],
    /// Whether everything below those paths belongs to it as well.
    and_below: bool,
}

const DEVICE_DATABASE: &str =
    "it needs a database of products, which HomeIQ has not; its answers were placeholders";
const CONTROL: &str = "a service changes neither its own settings nor other containers; set environment variables, and use \
                       Docker or Compose";

/// Every part that is not built.
const NOT_BUILT: [NotBuilt; 14] = [
    NotBuilt {
        what: "Sports",
        why: "scores come from services on the internet, and HomeIQ tells of the home",
        paths: &["/api/v1/sports"],
        and_below: true,
    },
    NotBuilt {
        what: "Game status for Home Assistant",
        why: "it belongs to sports, which are not part of HomeIQ; its web hooks were kept in memory only and never called",
        paths: &["/api/v1/ha"],
        and_below: true,
    },
    NotBuilt {
        what: "Calling tools over MCP",
        why: "it answered 500 to every call; GET /api/v1/events, /api/devices and /api/entities tell the same",
        paths: &["/mcp", "/api/mcp", "/api/v1/mcp"],
        and_below: true,
    },
    NotBuilt {
        what: "Control of Docker",
        why: CONTROL,
        paths: &["/api/v1/docker", "/api/v1/containers", "/api/v1/api-keys"],
        and_below: true,
    },
    NotBuilt {
        what: "Editing of .env files",
        why: CONTROL,
        paths: &["/api/v1/integrations", "/api/v1/config"],
        and_below: true,
    },
    NotBuilt {
        what: "Starting and stopping of services",
        why: CONTROL,
        paths: &["/api/v1/services"],
        and_below: true,
    },
    NotBuilt {
        what: "Hygiene of the registry",
        why: "it was a proxy to device-intelligence, which HomeIQ has not",
        paths: &["/api/v1/hygiene"],
        and_below: true,
    },
    NotBuilt {
        what: "Evaluation of language models",
        why: "no language model is part of it",
        paths: &["/api/v1/evaluations"],
        and_below: true,
    },
    NotBuilt {
        what: "A scheduler of jobs",
        why: "its only job consolidated the memory of a language model; ai-pattern-service has a schedule of its own",
        paths: &["/api/v1/jobs"],
        and_below: true,
    },
    NotBuilt {
        what: "A list of automations",
        why: "automation-trace-service filled it, which HomeIQ has not; GET /api/v1/events?entity_id=automation.… has their runs, \
              and /api/v1/events/automation-trace/{id} what they did",
        paths: &["/api/v1/automations", "/internal/automations"],
        and_below: true,
    },
    NotBuilt {
        what: "Finding of unusual power",
        why: "it never found any, and would need to know what each product should use; \
              GET /api/devices/{id}/power-analysis has what was measured",
        paths: &["/api/devices/power-anomalies"],
        and_below: false,
    },
    NotBuilt {
        what: "Efficiency of a device",
        why: "it needs to know what the product should use; GET /api/devices/{id}/power-analysis has what was measured",
        paths: &["/api/devices/{device_id}/efficiency"],
        and_below: false,
    },
    NotBuilt {
        what: "Recommendation of devices",
        why: DEVICE_DATABASE,
        paths: &["/api/devices/recommendations"],
        and_below: false,
    },
    NotBuilt {
        what: "A guide to set devices up",
        why: DEVICE_DATABASE,
        paths: &[
            "/api/devices/{device_id}/setup-guide",
            "/api/devices/{device_id}/setup-issues",
            "/api/devices/{device_id}/setup-complete",
            "/api/devices/{device_id}/discover-capabilities",
        ],
        and_below: false,
    },
];

/// Answers for all of them.
pub(super) fn routes() -> OpenApiRouter<Api> {
    let mut router = OpenApiRouter::new();
    for part in &NOT_BUILT {
        let told = || {
            let NotBuilt { what, why, .. } = part;
            any(async move || Problem::not_found(format!("{what} is not part of HomeIQ: {why}")))
        };
        for path in part.paths {
            router = router.route(path, told());
            if part.and_below {
                router = router.route(&format!("{path}/{{*rest}}"), told());
            }
        }
    }
    router
}
