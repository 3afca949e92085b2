//! Services (actions) that Home Assistant offers.

use common::api::registry::Service;
use common::instant::UtcMicros;
use database::{Row, Statement};

use super::reported::{Object, text};
use super::row::Lists;
use super::{Store, StoreFailure, row};

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
        let mut transaction = self.database.write().await?;
        for service in services {
            let json = |key| {
                service
                    .description
                    .get(key)
                    .filter(|value| !value.is_null())
                    .map(ToString::to_string)
            };
            transaction
                .execute(Statement::with(
                    "INSERT INTO services (domain, service_name, name, description, fields, target, response, last_updated_us) \
                     VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (domain, service_name) DO UPDATE SET \
                     name = excluded.name, description = excluded.description, fields = excluded.fields, \
                     target = excluded.target, response = excluded.response, last_updated_us = excluded.last_updated_us",
                    [
                        (&service.domain).into(),
                        (&service.service_name).into(),
                        text(&service.description, "name").flatten().into(),
                        text(&service.description, "description").flatten().into(),
                        json("fields").into(),
                        json("target").into(),
                        json("response").into(),
                        now.get().into(),
                    ],
                ))
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
        let statement = Statement::new("SELECT * FROM services WHERE true")
            .bind_some(" AND domain = ", domain)
            .bind_some(" AND service_name = ", name)
            .push(" ORDER BY domain, service_name");
        let rows = self.database.fetch_all(statement).await?;
        rows.iter().map(service).collect()
    }

    /// The services of a domain or of all, such as `light.turn_on`, by domain.
    pub(super) async fn available_services(
        &self,
        domain: Option<&str>,
    ) -> Result<Lists, StoreFailure> {
        let mut available = Lists::new();
        let statement = Statement::new("SELECT domain, service_name FROM services WHERE true")
            .bind_some(" AND domain = ", domain)
            .push(" ORDER BY domain, service_name");
        for row in self.database.fetch_all(statement).await? {
            let (domain, name): (String, String) = (row.get(0)?, row.get(1)?);
            let service = format!("{domain}.{name}");
            available.entry(domain).or_default().push(service);
        }
        Ok(available)
    }
}

fn service(row: &Row) -> Result<Service, StoreFailure> {
    Ok(Service {
        domain: row.get("domain")?,
        service_name: row.get("service_name")?,
        name: row.get("name")?,
        description: row.get("description")?,
        fields: row::json(row, "fields")?,
        target: row::json(row, "target")?,
        response: row::json(row, "response")?,
        last_updated: row::instant_or_default(row, "last_updated_us")?,
    })
}
