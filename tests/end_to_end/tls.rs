//! A cluster whose servers speak TLS and ask clients for a certificate.

use th_playground::{PlaygroundOptions, TlsFiles};
use th_tests::{Outcome, Target, data, digests, expected};

/// Imports by TLS with some of the files of the tests' authority.
async fn import(target: &Target, import_id: &str, ca: &str, certificate: bool) -> Outcome {
    let path = |name: &str| data("tls").join(name).display().to_string();
    let mut text = format!("[security]\nca-path = \"{}\"\n", path(ca));
    if certificate {
        text += &format!("cert-path = \"{}\"\nkey-path = \"{}\"\n", path("client.pem"), path("client.key"));
    }
    let config = target.path("config.toml");
    std::fs::write(&config, text).expect("a configuration");
    let config = config.display().to_string();
    target.import(&data("dumps/sql"), &["--config", &config, "--import-id", import_id]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn pd_tikv_and_tidb_are_spoken_to_by_tls_by_those_who_show_a_certificate() {
    let path = |name| data("tls").join(name);
    let tls = TlsFiles { ca: path("ca.pem"), cert: path("server.pem"), key: path("server.key") };
    let options =
        PlaygroundOptions { stores: 3, replicas: 3, tls: Some(tls), ..PlaygroundOptions::default() };
    let target = Target::with(options).await;
    import(&target, "with", "ca.pem", true).await.succeeded();
    assert_eq!(digests(target.playground.tidb_port()).await, expected(&data("dumps/expected.json")));

    let without = import(&target, "without", "ca.pem", false).await;
    without.failed_with("TH0006", &[]);
    let foreign = import(&target, "foreign", "other-ca.pem", true).await;
    foreign.failed_with("TH0006", &[]);
    assert!(foreign.err.to_lowercase().contains("certificate"), "it says why: {}", foreign.err);
    assert!(!foreign.err.contains("PRIVATE KEY") && !without.err.contains("PRIVATE KEY"));
    target.playground.shutdown().await;
}
