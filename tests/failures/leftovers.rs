//! State that a process took and did not give back.

use th_cluster::{Cluster, ClusterOptions, LeaseOptions, Leftovers, PauseScope, release_import};
use th_env::Env;
use th_tests::Target;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_dead_process_held_is_found_by_name_and_given_back() {
    let target = Target::three_stores().await;
    let cluster = Cluster::connect(Env::seeded(1), ClusterOptions::new([target.playground.pd_addr()]))
        .await
        .expect("the cluster answers");
    let mut options = LeaseOptions::new("i7", "worker", vec![th_codec::keys::table_range(9)]);
    options.safe_point = Some(cluster.pd.tso(1).await.expect("a timestamp"));
    let lease = cluster.lease(options).await.expect("a lease");
    // As a killed process: without giving anything back.
    drop(lease);
    let find = async |import_id| Leftovers::find(&cluster.pd, import_id).await.expect("PD answers");
    let found = find(Some("i7")).await;
    assert_eq!(found.label_rules, ["thunderhead/i7/worker"]);
    assert_eq!(found.safe_points, ["thunderhead-i7-worker"]);
    assert!(find(Some("i8")).await.is_empty());
    assert!(target.left_behind().await.contains("import mode [1,2,3]"));
    let left = found.restore(&cluster.pd, &cluster.tikv, None, true).await.expect("all is given back");
    assert_eq!(left, Leftovers::default());
    assert_eq!(target.left_behind().await, "");
    target.playground.shutdown().await;
}

/// PD does not say who paused a scheduler, so imports do.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scheduling_that_a_dead_process_paused_goes_on_unless_another_import_needs_the_pause() {
    let target = Target::start().await;
    let cluster = Cluster::connect(Env::seeded(1), ClusterOptions::new([target.playground.pd_addr()]))
        .await
        .expect("the cluster answers");
    let paused = |import_id: &str, holder: &str, pause| {
        let mut options = LeaseOptions::new(import_id, holder, vec![th_codec::keys::table_range(9)]);
        options.pause = pause;
        cluster.lease(options)
    };
    let end = async |import_id| {
        release_import(&cluster.pd, &cluster.tikv, import_id, &[]).await.expect("all is given back");
        target.left_behind().await
    };
    drop(paused("i7", "worker-1", PauseScope::Cluster).await.expect("a lease"));
    drop(paused("i7", "worker-2", PauseScope::Cluster).await.expect("a lease"));
    let other = paused("i8", "worker", PauseScope::Cluster).await.expect("a lease");
    let left = end("i7").await;
    assert!(left.contains("paused schedulers") && left.contains("temporary configuration"), "{left}");
    assert!(left.contains("thunderhead-i8/worker") && !left.contains("thunderhead-i7"), "{left}");
    drop(other);

    // One that pauses nothing but its own ranges does not need it.
    let beside = paused("i9", "worker", PauseScope::Ranges).await.expect("a lease");
    let left = end("i8").await;
    assert!(!left.contains("paused schedulers") && !left.contains("temporary"), "{left}");
    beside.release().await.expect("all is given back");

    // It is not known what another tool needs.
    let foreign = "/tidb/brie/import/lightning/b3f1/7";
    let lease = cluster.pd.register(foreign, b"", std::time::Duration::from_mins(3)).await.expect("a key");
    drop(paused("i7", "worker", PauseScope::Cluster).await.expect("a lease"));
    assert!(end("i7").await.contains("paused schedulers"));
    cluster.pd.unregister(lease).await.expect("it is gone");
    target.env.move_on(std::time::Duration::from_mins(6));
    assert_eq!(end("i7").await, "", "it ends by itself");
    target.playground.shutdown().await;
}
