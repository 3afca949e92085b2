//! Services (actions) that Home Assistant offers.

use std::collections::HashSet;

use common::api::registry::Service;
use common::instant::UtcMicros;
use database::{Row, Statement, Transaction};

use super::complete::Upserted;
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
    /// Writes services, in one transaction; known ones are overwritten. What a complete list does not name is deleted, otherwise it stays.
    pub async fn upsert_services(
        &self,
        services: &[ReportedService],
        complete: bool,
        now: UtcMicros,
    ) -> Result<Upserted, StoreFailure> {
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
        let mut upserted = Upserted {
            rows: services.len(),
            ..Upserted::default()
        };
        // A Home Assistant always has services of its own: an empty list is none to believe.
        if complete && !services.is_empty() {
            upserted.removed = delete_others(&mut transaction, services).await?;
        }
        transaction.commit().await?;
        Ok(upserted)
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

/// Deletes the services that are not among `services`; how many those were.
async fn delete_others(
    transaction: &mut Transaction,
    services: &[ReportedService],
) -> Result<usize, StoreFailure> {
    let named: HashSet<(&str, &str)> = services
        .iter()
        .map(|service| (service.domain.as_str(), service.service_name.as_str()))
        .collect();
    let known = transaction
        .fetch_all("SELECT domain, service_name FROM services")
        .await?;
    let mut deleted = 0;
    for row in &known {
        let (domain, name): (String, String) = (row.get(0)?, row.get(1)?);
        if !named.contains(&(domain.as_str(), name.as_str())) {
            deleted += 1;
            transaction
                .execute(Statement::with(
                    "DELETE FROM services WHERE domain = $1 AND service_name = $2",
                    [domain.into(), name.into()],
                ))
                .await?;
        }
    }
    Ok(deleted)
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
