//! Services (actions) that Home Assistant offers.

use common::api::registry::Service;
use common::instant::UtcMicros;
use sqlx::sqlite::SqliteRow;
use sqlx::{Connection, QueryBuilder, Row, query};

use super::{Store, row};
use crate::store::StoreFailure;
use crate::store::reported::{Object, text};

/// A service as Home Assistant reports it.
#[derive(Debug, Clone)]
pub struct ReportedService {
    /// Such as `light`.
    pub domain: String,
    /// Such as `turn_on`.
    pub service_name: String,
    /// Its description.
    pub description: Object,
}

impl Store {
    /// Writes services, in one transaction; known ones are overwritten, others stay.
    pub async fn upsert_services(
        &self,
        services: &[ReportedService],
        now: UtcMicros,
    ) -> Result<(), StoreFailure> {
        let mut writer = self.sqlite().writer.acquire().await?;
        let mut transaction = writer.begin_with("BEGIN IMMEDIATE").await?;
        for service in services {
            let json = |key| {
                service
                    .description
                    .get(key)
                    .filter(|value| !value.is_null())
                    .map(ToString::to_string)
            };
            query(
                "INSERT OR REPLACE INTO services (domain, service_name, name, description, fields, target, response, \
                 last_updated_us) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            )
            .bind(&service.domain)
            .bind(&service.service_name)
            .bind(text(&service.description, "name").flatten())
            .bind(text(&service.description, "description").flatten())
            .bind(json("fields"))
            .bind(json("target"))
            .bind(json("response"))
            .bind(now.get())
            .execute(&mut *transaction)
            .await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// Services by domain and name: all, those of a domain, or one.
    pub async fn services(
        &self,
        domain: Option<&str>,
        name: Option<&str>,
    ) -> Result<Vec<Service>, StoreFailure> {
        let mut sql = QueryBuilder::new("SELECT * FROM services WHERE true");
        if let Some(domain) = domain {
            sql.push(" AND domain = ").push_bind(domain.to_owned());
        }
        if let Some(name) = name {
            sql.push(" AND service_name = ").push_bind(name.to_owned());
        }
        sql.push(" ORDER BY domain, service_name");
        let rows = sql.build().fetch_all(&self.sqlite().readers).await?;
        Ok(rows.iter().map(service).collect::<Result<_, _>>()?)
    }
}

fn service(row: &SqliteRow) -> Result<Service, sqlx::Error> {
    Ok(Service {
        domain: row.try_get("domain")?,
        service_name: row.try_get("service_name")?,
        name: row.try_get("name")?,
        description: row.try_get("description")?,
        fields: row::json(row, "fields")?,
        target: row::json(row, "target")?,
        response: row::json(row, "response")?,
        last_updated: row::instant_or_default(row, "last_updated_us")?,
    })
}
