# What must hold of the module, against a mock of Google Cloud.

mock_provider "google" {
  mock_data "google_project" {
    defaults = { number = "1234", project_id = "p" }
  }
  mock_resource "google_service_account" {
    defaults = { email = "w@p.iam.gserviceaccount.com", member = "serviceAccount:w@p.iam.gserviceaccount.com", unique_id = "1" }
  }
}

variables {
  name               = "imp"
  import_id          = "orders-2026-11"
  image              = "europe-docker.pkg.dev/p/r/thunderhead:0.1.0"
  source_bucket      = "dumps"
  source_prefix      = "orders"
  tidb_host          = "tidb.internal"
  zone               = "europe-west4-a"
  network            = "default"
  subnetwork         = "default"
  location           = "EU"
  target_cidr_blocks = ["10.0.0.0/16"]
}

run "without_a_queue_one_machine_does_the_whole_import" {
  assert {
    condition     = startswith(local.arguments, "import --source gs://dumps/orders --sort-dir /sort --tidb-host tidb.internal")
    error_message = "the command"
  }
  assert {
    condition     = google_compute_instance_group_manager.worker.target_size == 1
    error_message = "one machine"
  }
}

run "with_a_queue_instances_are_workers_with_an_aws_role" {
  variables {
    workers        = 4
    queue_url      = "https://sqs.us-east-1.amazonaws.com/1/imp-jobs"
    queue_role_arn = "arn:aws:iam::1:role/imp-gcp"
  }
  assert {
    condition     = local.arguments == "work --sort-dir /sort" && local.environment.THUNDERHEAD_QUEUE == "https://sqs.us-east-1.amazonaws.com/1/imp-jobs"
    error_message = "the command"
  }
  assert {
    condition     = strcontains(google_compute_instance_template.worker.metadata_startup_script, "AWS_ROLE_ARN=arn:aws:iam::1:role/imp-gcp\n")
    error_message = "the role"
  }
}

run "two_machines_without_a_queue_are_refused" {
  command = plan
  variables {
    workers = 2
  }
  expect_failures = [var.workers]
}

run "a_queue_without_a_role_is_refused" {
  command = plan
  variables {
    queue_url = "https://sqs.us-east-1.amazonaws.com/1/imp-jobs"
  }
  expect_failures = [var.queue_role_arn]
}
