# A whole import on one spot machine on Google Cloud, without a queue.

terraform {
  required_providers {
    google = {
      source  = "hashicorp/google"
      version = ">= 6.0, < 8.0"
    }
  }
}

provider "google" {
  project = var.project
}

variable "project" {
  description = "Project"
  type        = string
}

variable "image" {
  description = "Image of Thunderhead"
  type        = string
}

variable "tidb_host" {
  description = "TiDB"
  type        = string
}

module "thunderhead" {
  source = "../../gcp"

  name               = "orders"
  import_id          = "orders-1"
  image              = var.image
  source_bucket      = "my-dumps"
  source_prefix      = "orders"
  location           = "EU"
  zone               = "europe-west4-a"
  network            = "default"
  subnetwork         = "default"
  tidb_host          = var.tidb_host
  target_cidr_blocks = ["10.0.0.0/8"]
}

output "status_command" {
  description = "Says how far the import is"
  value       = module.thunderhead.status_command
}
