//! The conformance suite of the `object_store` library, against the double.

use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::integration as suite;
use object_store::{ObjectStoreExt as _, PutPayload};
use th_gcs_double::{GcsDouble, TOKEN};

async fn double() -> (GcsDouble, object_store::gcp::GoogleCloudStorage) {
    let double = GcsDouble::start(0).await.expect("a port");
    double.make_bucket("bucket");
    double.require_token();
    let client = GoogleCloudStorageBuilder::new()
        .with_bucket_name("bucket")
        .with_base_url(&double.endpoint())
        .with_client_options(object_store::ClientOptions::new().with_allow_http(true))
        .with_bearer_token(TOKEN)
        .build()
        .expect("a client");
    (double, client)
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_are_written_read_listed_and_removed() {
    let (_double, client) = double().await;
    suite::put_get_delete_list(&client).await;
    suite::list_uses_directories_correctly(&client).await;
    suite::list_with_delimiter(&client).await;
    suite::list_with_offset_exclusivity(&client).await;
    suite::rename_and_copy(&client).await;
    suite::stream_get(&client).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn conditions_are_obeyed() {
    let (_double, client) = double().await;
    suite::get_opts(&client).await;
    suite::put_opts(&client, true).await;
    suite::copy_if_not_exists(&client).await;
    suite::put_get_attributes(&client).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn uploads_in_parts_are_whole_or_nothing() {
    let (_double, client) = double().await;
    suite::multipart(&client, &client).await;
    suite::multipart_with_opts(&client, &client).await;
    suite::multipart_put_part_out_of_order(&client, &client).await;
    suite::multipart_race_condition(&client, true).await;
    suite::multipart_out_of_order(&client).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listing_of_many_objects_comes_in_pages() {
    let (_double, client) = double().await;
    suite::list_paginated(&client, &client).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_no_token_reads_nothing() {
    let (double, client) = double().await;
    client.put(&"a".into(), PutPayload::from("a")).await.expect("with the token");
    let stranger = GoogleCloudStorageBuilder::new()
        .with_bucket_name("bucket")
        .with_base_url(&double.endpoint())
        .with_client_options(object_store::ClientOptions::new().with_allow_http(true))
        .with_bearer_token("another")
        .build()
        .expect("a client");
    let refused = stranger.get(&"a".into()).await.expect_err("no token");
    assert!(matches!(refused, object_store::Error::Unauthenticated { .. }), "{refused}");
}
