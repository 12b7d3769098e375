# One import on Google Cloud: a ledger bucket, a service account, and instances with local SSD.
#
# The job queue is Amazon SQS today. So there are two shapes: without a queue, one machine that does the
# whole import (`thunderhead import`) and resumes when it was taken away; with a queue, workers only, whose
# service account assumes an AWS role. README.md says what was checked of this and what was not.

data "google_project" "current" {}

locals {
  source_url = join("/", compact(["gs://${var.source_bucket}", var.source_prefix]))
  ledger_url = "gs://${google_storage_bucket.ledger.name}/ledger"
  queued     = var.queue_url != null

  environment = merge(
    {
      THUNDERHEAD_IMPORT_ID  = var.import_id
      THUNDERHEAD_LEDGER     = local.ledger_url
      THUNDERHEAD_LOG_FORMAT = "json"
    },
    local.queued ? { THUNDERHEAD_QUEUE = var.queue_url } : {},
  )
  target_arguments = "--tidb-host ${var.tidb_host} --tidb-port ${var.tidb_port} --tidb-status ${var.tidb_status_port} --tidb-user ${var.tidb_user}"
  notices          = var.spot ? " --spot-notices gcp" : ""
  arguments        = "${local.queued ? "work --sort-dir /sort" : "import --source ${local.source_url} --sort-dir /sort ${local.target_arguments}"}${local.notices}"
}

# --- Ledger -------------------------------------------------------------------------------------

resource "google_storage_bucket" "ledger" {
  name                        = "${var.name}-ledger-${data.google_project.current.number}"
  location                    = var.location
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = var.force_destroy

  # Objects are written once, but for workers' reports, and never deleted by the services.
  soft_delete_policy {
    retention_duration_seconds = 0
  }

  lifecycle_rule {
    condition {
      age            = var.ledger_retention_days
      matches_prefix = ["ledger/"]
    }

    action {
      type = "Delete"
    }
  }
}

# --- Identity: reads the dump, reads and creates in the ledger, replaces only workers' reports -----

resource "google_service_account" "worker" {
  account_id   = "${var.name}-worker"
  display_name = "Thunderhead ${var.import_id}"
}

resource "google_storage_bucket_iam_member" "source" {
  bucket = var.source_bucket
  role   = "roles/storage.objectViewer"
  member = google_service_account.worker.member
}

resource "google_storage_bucket_iam_member" "ledger" {
  for_each = toset(["roles/storage.objectViewer", "roles/storage.objectCreator"])

  bucket = google_storage_bucket.ledger.name
  role   = each.value
  member = google_service_account.worker.member
}

# To replace an object takes the permission to delete it.
resource "google_storage_bucket_iam_member" "reports" {
  bucket = google_storage_bucket.ledger.name
  role   = "roles/storage.objectUser"
  member = google_service_account.worker.member

  condition {
    title      = "workers-reports"
    expression = "resource.name.startsWith(\"projects/_/buckets/${google_storage_bucket.ledger.name}/objects/ledger/${var.import_id}/workers/\")"
  }
}

resource "google_project_iam_member" "logs" {
  project = data.google_project.current.project_id
  role    = "roles/logging.logWriter"
  member  = google_service_account.worker.member
}

resource "google_secret_manager_secret_iam_member" "password" {
  count = var.tidb_password_secret == null ? 0 : 1

  secret_id = regex("^(projects/[^/]+/secrets/[^/]+)/", var.tidb_password_secret)[0]
  role      = "roles/secretmanager.secretAccessor"
  member    = google_service_account.worker.member
}

# --- Instances ----------------------------------------------------------------------------------

resource "google_compute_firewall" "target" {
  name                    = "${var.name}-target"
  network                 = var.network
  direction               = "EGRESS"
  destination_ranges      = var.target_cidr_blocks
  target_service_accounts = [google_service_account.worker.email]

  allow {
    protocol = "tcp"
    ports    = [for port in local.queued ? var.target_ports : concat(var.target_ports, [var.tidb_port, var.tidb_status_port]) : tostring(port)]
  }
}

resource "google_compute_instance_template" "worker" {
  name_prefix  = "${var.name}-worker-"
  machine_type = var.machine_type

  scheduling {
    provisioning_model          = var.spot ? "SPOT" : "STANDARD"
    preemptible                 = var.spot
    automatic_restart           = !var.spot
    instance_termination_action = var.spot ? "DELETE" : null
  }

  disk {
    boot         = true
    source_image = "projects/debian-cloud/global/images/family/debian-12"
    disk_size_gb = 30
    disk_type    = "pd-balanced"
  }

  dynamic "disk" {
    for_each = range(var.local_ssds)

    content {
      type         = "SCRATCH"
      disk_type    = "local-ssd"
      disk_size_gb = 375
      interface    = "NVME"
    }
  }

  network_interface {
    subnetwork = var.subnetwork
  }

  service_account {
    email  = google_service_account.worker.email
    scopes = ["cloud-platform"]
  }

  shielded_instance_config {
    enable_secure_boot = true
  }

  metadata = {
    block-project-ssh-keys = "true"
  }

  metadata_startup_script = templatefile("${path.module}/templates/worker.sh.tftpl", {
    image           = var.image
    arguments       = local.arguments
    config          = var.config_toml
    environment     = local.environment
    drain_seconds   = 20
    aws_role_arn    = local.queued ? var.queue_role_arn : ""
    aws_region      = var.queue_region
    password_secret = local.queued || var.tidb_password_secret == null ? "" : var.tidb_password_secret
  })

  lifecycle {
    create_before_destroy = true
  }
}

resource "google_compute_instance_group_manager" "worker" {
  name               = "${var.name}-worker"
  zone               = var.zone
  base_instance_name = "${var.name}-worker"
  target_size        = var.workers

  version {
    instance_template = google_compute_instance_template.worker.self_link_unique
  }

  update_policy {
    type                  = "OPPORTUNISTIC"
    minimal_action        = "REPLACE"
    max_surge_fixed       = 0
    max_unavailable_fixed = 1
  }
}
