//! State that a process took and did not give back.

use th_cluster::{Cluster, ClusterOptions, LeaseOptions, Leftovers};
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
