//! Where regions end up.

use th_cluster::{Cluster, ClusterOptions, SplitOptions};
use th_env::Env;
use th_tests::Target;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_regions_are_spread_evenly_over_three_stores() {
    let target = Target::three_stores().await;
    let cluster = Cluster::connect(Env::seeded(1), ClusterOptions::new([target.playground.pd_addr()]))
        .await
        .expect("the cluster answers");
    let key = |row: i64| th_codec::keys::encode_int_handle(1000, row).to_vec();
    let keys: Vec<Vec<u8>> = (0..1000).map(|number| key(number * 100)).collect();
    let splitter = cluster.splitter(SplitOptions::default());
    let split = splitter.split(&keys).await.expect("the range is split");
    assert_eq!((split.keys, split.existed), (1000, 0));
    let spread = splitter.scatter(&key(0), &key(100_000), "it").await.expect("regions are scattered");
    assert_eq!((spread.regions, spread.refused, spread.unfinished), (1000, 0, 0));
    assert_eq!(spread.leaders.len(), 3, "{:?}", spread.leaders);
    assert!(spread.imbalance <= 1.1, "{:?}", spread.leaders);
    target.playground.shutdown().await;
}
