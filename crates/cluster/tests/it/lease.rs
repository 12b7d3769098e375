//! Leases: taken, renewed, given back, and found again by their names.

use std::time::Duration;

use crate::double::Double;
use th_cluster::{Cluster, ClusterError, ClusterOptions, ErrorKind, LeaseOptions, lease};
use th_env::Env;

const IMPORT: i32 = 1;
const NORMAL: i32 = 0;

async fn connect(double: &Double) -> Cluster {
    Cluster::connect(Env::seeded(7), ClusterOptions::new([double.pd.clone()])).await.unwrap()
}

fn options(holder: &str) -> LeaseOptions {
    LeaseOptions::new("i7", holder, vec![(b"t1".to_vec(), b"t2".to_vec())])
}

#[tokio::test]
async fn a_lease_holds_rule_and_mode_renews_them_and_gives_them_back() -> Result<(), ClusterError> {
    let double = Double::start(2).await;
    let cluster = connect(&double).await;
    let lease = cluster.lease(LeaseOptions { ttl: Duration::from_secs(3), ..options("finalizer") }).await?;
    let times_set = || double.world().rules.get("thunderhead/i7/finalizer").copied().unwrap_or_default();
    assert_eq!(times_set(), 1);
    assert!(double.world().modes.iter().all(|(_, mode)| *mode == IMPORT));
    let renewed = async {
        while times_set() < 2 {
            Env::real().sleep(Duration::from_millis(20), "the lease is renewed").await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), renewed).await.unwrap();
    assert!(!lease.may_have_expired());
    lease.release().await?;
    let world = double.world();
    assert!(world.rules.is_empty());
    assert_eq!(world.modes.iter().rev().take(2).map(|(_, mode)| *mode).collect::<Vec<_>>(), [NORMAL, NORMAL]);
    Ok(())
}

#[tokio::test]
async fn stores_stay_in_import_mode_while_another_import_needs_it() -> Result<(), ClusterError> {
    let double = Double::start(1).await;
    let cluster = connect(&double).await;
    double.world().rules.insert("thunderhead/other/worker".to_owned(), 1);
    cluster.lease(options("worker")).await?.release().await?;
    assert_eq!(double.world().modes, [(1, IMPORT)]);
    assert_eq!(double.world().rules.len(), 1, "the other import's rule is not ours to delete");
    Ok(())
}

#[tokio::test]
async fn what_a_dead_holder_left_is_released_by_its_name() -> Result<(), ClusterError> {
    let double = Double::start(1).await;
    let cluster = connect(&double).await;
    drop(cluster.lease(options("worker-1")).await?);
    drop(cluster.lease(options("worker-2")).await?);
    assert_eq!(double.world().rules.len(), 2);
    lease::release_import(&cluster.pd, &cluster.tikv, "i7", &[]).await?;
    assert!(double.world().rules.is_empty());
    assert_eq!(double.world().modes.last(), Some(&(1, NORMAL)));
    Ok(())
}

#[tokio::test]
async fn stores_cut_files_at_the_borders_of_ranges_of_many_regions() -> Result<(), ClusterError> {
    let double = Double::start(2).await;
    let cluster = connect(&double).await;
    let range = (b"t1".to_vec(), b"t2".to_vec());
    let partitioned = vec![range.clone()];
    cluster.lease(LeaseOptions { partitioned, ..options("worker") }).await?.release().await?;
    // User keys as they are; they end by themselves.
    let asked = |store| (store, range.0.clone(), range.1.clone(), 300);
    assert_eq!(double.world().partitioned, [asked(1), asked(2)]);
    cluster.lease(options("worker")).await?.release().await?;
    assert_eq!(double.world().partitioned.len(), 2, "small tables need it not");
    Ok(())
}

#[tokio::test]
async fn a_pause_of_scheduling_needs_ranges() {
    let double = Double::start(1).await;
    let cluster = connect(&double).await;
    let error = cluster.lease(LeaseOptions::new("i7", "x", Vec::new())).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}
