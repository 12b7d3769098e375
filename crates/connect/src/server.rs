//! What rows are written to: a cluster, past its SQL layer, or a server, by SQL.

use std::sync::Arc;
use std::time::Duration;

use th_cluster::Cluster;
use th_config::{Config, Security};
use th_env::Env;
use th_errors::Fault;
use th_ledger::{Backend, Plan};
use th_mysql::{Server, ServerOptions, Tls};
use th_tls::PemFiles;

use crate::{cluster, cluster_options, fault};

/// TiDB's port, where neither the configuration nor a status API says another.
const DEFAULT_PORT: u16 = 4000;
/// Connections besides those that write rows.
const SPARE_CONNECTIONS: usize = 4;

/// An open target.
#[derive(Clone)]
pub enum Target {
    /// PD, TiKV, and TiDB where it is needed.
    Cluster(Arc<Cluster>),
    /// A MySQL-compatible server.
    Server(Server),
}

/// Whether the configuration asks for rows by SQL.
pub fn writes_sql(config: &Config) -> bool {
    config.tikv_importer.backend == "tidb"
}

/// Opens what the plan's rows go to, or without a plan what the configuration names. `with_sql` is about a
/// cluster, as in [`crate::cluster_options`].
pub async fn target(
    config: &Config,
    plan: Option<&Plan>,
    with_sql: bool,
    env: &Env,
) -> Result<Target, Fault> {
    let by_sql = plan.map_or_else(|| writes_sql(config), |plan| plan.backend != Backend::Local);
    if by_sql {
        let mut config = config.clone();
        if let Some(plan) = plan {
            // Every run of a job has one session.
            config.tidb.sql_mode.clone_from(&plan.session.sql_mode);
            config.thunderhead.time_zone.clone_from(&plan.session.time_zone);
            config.tidb.session_vars.clone_from(&plan.session.variables);
        }
        return server(&config, env).await.map(Target::Server);
    }
    let pd = match plan {
        Some(plan) if config.tidb.pd_addr.is_empty() => plan.target.pd.as_slice(),
        _ => &[],
    };
    Ok(Target::Cluster(Arc::new(cluster(config, pd, with_sql, env).await?)))
}

/// Connects to the server of `[tidb]`.
pub async fn server(config: &Config, env: &Env) -> Result<Server, Fault> {
    let tidb = &config.tidb;
    let mut port = tidb.port;
    if port == 0 {
        let mut options = cluster_options(config, &[], false);
        options.request_timeout = Duration::from_secs(5);
        let status = format!("{}:{}", tidb.host, tidb.status_port);
        port = match th_cluster::tidb_settings(&status, &options, env).await {
            Ok(settings) => settings.port,
            Err(error) => {
                tracing::debug!(%error, "no status API; the usual port is tried");
                DEFAULT_PORT
            }
        };
    }
    let slots = crate::slots(config);
    let options = ServerOptions {
        host: tidb.host.clone(),
        port,
        user: tidb.user.clone(),
        password: tidb.password.reveal().to_owned(),
        tls: tls(config),
        sql_mode: tidb.sql_mode.clone(),
        time_zone: config.thunderhead.time_zone.clone(),
        session_vars: tidb.session_vars.clone().into_iter().collect(),
        connections: slots + SPARE_CONNECTIONS,
        max_allowed_packet: tidb.max_allowed_packet.0,
        ..ServerOptions::default()
    };
    Server::connect(env.clone(), &options).await.map_err(|error| fault::of_sql(&error))
}

/// How connections to the server of `[tidb]` are encrypted.
pub(crate) fn tls(config: &Config) -> Tls {
    encryption(&config.tidb.tls, config.tidb.security.as_ref().unwrap_or(&config.security))
}

/// The files of a `[security]`.
pub fn pem_files(security: &Security) -> PemFiles {
    let path = |text: &str| (!text.is_empty()).then(|| text.into());
    PemFiles { ca: path(&security.ca_path), cert: path(&security.cert_path), key: path(&security.key_path) }
}

fn encryption(word: &str, security: &Security) -> Tls {
    match word.to_ascii_lowercase().as_str() {
        "" if security.ca_path.is_empty() => Tls::Off,
        "" | "cluster" | "true" => Tls::Verified(pem_files(security)),
        "skip-verify" => Tls::Unverified,
        "preferred" => Tls::Preferred,
        _ => Tls::Off,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_tls_say_how_much_the_server_is_trusted() {
        let security = Security { ca_path: "ca.pem".into(), ..Security::default() };
        assert_eq!(encryption("", &Security::default()), Tls::Off);
        assert_eq!(encryption("", &security), encryption("cluster", &security));
        assert_eq!(encryption("false", &security), Tls::Off);
        assert_eq!(
            encryption("cluster", &security),
            Tls::Verified(PemFiles { ca: Some("ca.pem".into()), ..PemFiles::default() })
        );
        assert_eq!(encryption("skip-verify", &security), Tls::Unverified);
        assert_eq!(encryption("preferred", &security), Tls::Preferred);
    }
}
