# --- The import ---------------------------------------------------------------------------------

variable "name" {
  description = "Prefix of all names; one per import"
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,20}[a-z0-9]$", var.name))
    error_message = "The name must be 3 to 22 lower-case letters, digits and hyphens, and begin with a letter."
  }
}

variable "import_id" {
  description = "Names the import in ledger, queue and logs; another one is another import"
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$", var.import_id))
    error_message = "The import id must be 1 to 63 letters, digits, dots, underscores and hyphens."
  }
}

variable "image" {
  description = "Container image of Thunderhead, with tag or digest, in a registry that the instances reach without login"
  type        = string
}

variable "source_bucket" {
  description = "Bucket of the dump"
  type        = string
}

variable "source_prefix" {
  description = "Folder of the dump in its bucket, without slashes at its ends; empty for the whole bucket"
  type        = string
  default     = ""

  validation {
    condition     = var.source_prefix == trim(var.source_prefix, "/")
    error_message = "The prefix must not begin or end with a slash."
  }
}

variable "config_toml" {
  description = "Configuration file: a tidb-lightning.toml with our own keys under [thunderhead]. It is readable in the instances' metadata, so it must not hold passwords"
  type        = string
  default     = <<-TOML
    [thunderhead]
    sort-memory = "4GiB"
  TOML

  validation {
    condition     = !can(regex("(?mi)^\\s*password\\s*=", var.config_toml))
    error_message = "The configuration must not hold a password; use tidb_password_secret."
  }
}

# --- The target ---------------------------------------------------------------------------------

variable "tidb_host" {
  description = "TiDB's host name or address"
  type        = string
}

variable "tidb_port" {
  description = "TiDB's SQL port"
  type        = number
  default     = 4000
}

variable "tidb_status_port" {
  description = "TiDB's HTTP status port"
  type        = number
  default     = 10080
}

variable "tidb_user" {
  description = "TiDB's user"
  type        = string
  default     = "root"
}

variable "tidb_password_secret" {
  description = "Secret Manager version whose text is the password, projects/P/secrets/S/versions/V; null for a user without one. Used without a queue only: workers of a queue need no password"
  type        = string
  default     = null

  validation {
    condition     = var.tidb_password_secret == null || can(regex("^projects/[^/]+/secrets/[^/]+/versions/[^/]+$", var.tidb_password_secret))
    error_message = "It must look like projects/P/secrets/S/versions/V."
  }
}

# --- The queue, which is Amazon SQS today -------------------------------------------------------

variable "queue_url" {
  description = "URL of an SQS queue, like the one that aws/ makes. Null for one machine that plans, works and finalizes without a queue"
  type        = string
  default     = null
}

variable "queue_role_arn" {
  description = "AWS role that the instances' service account assumes by web identity to reach the queue"
  type        = string
  default     = null

  validation {
    condition     = (var.queue_role_arn == null) == (var.queue_url == null)
    error_message = "A queue needs its role, and a role is of no use without a queue."
  }
}

variable "queue_region" {
  description = "AWS region of the queue"
  type        = string
  default     = "us-east-1"
}

# --- Instances ----------------------------------------------------------------------------------

variable "workers" {
  description = "Number of instances: 0 or 1 without a queue. Set it to 0 when the import is over"
  type        = number
  default     = 1

  validation {
    condition     = var.workers >= 0 && (var.queue_url != null || var.workers <= 1)
    error_message = "Without a queue there is one machine."
  }
}

variable "zone" {
  description = "Zone of the instances"
  type        = string
}

variable "subnetwork" {
  description = "Subnetwork of the instances, with a way to Cloud Storage, the image's registry, the target and, with a queue, SQS and STS"
  type        = string
}

variable "network" {
  description = "Network of the subnetwork, for the firewall rule"
  type        = string
}

variable "target_ports" {
  description = "Ports of PD (2379) and TiKV (20160 gRPC, 20180 status)"
  type        = list(number)
  default     = [2379, 20160, 20180]
}

variable "target_cidr_blocks" {
  description = "Where PD, TiKV and TiDB are; outgoing traffic to their ports is allowed"
  type        = list(string)
}

variable "machine_type" {
  description = "Machine type that takes local SSDs"
  type        = string
  default     = "n2-standard-8"
}

variable "local_ssds" {
  description = "Local SSDs (375 GiB each) of one instance, as many as the machine type allows"
  type        = number
  default     = 2

  validation {
    condition     = var.local_ssds >= 1
    error_message = "Sorting needs a local disk."
  }
}

variable "spot" {
  description = "Whether instances are spot. One that is taken away is made again and resumes"
  type        = bool
  default     = true
}

# --- Ledger -------------------------------------------------------------------------------------

variable "location" {
  description = "Location of the ledger's bucket, like EU or europe-west4"
  type        = string
}

variable "ledger_retention_days" {
  description = "Days after which objects of a ledger are removed; longer than any import takes"
  type        = number
  default     = 90

  validation {
    condition     = var.ledger_retention_days >= 14
    error_message = "A ledger must outlive its queue's messages: at least 14 days."
  }
}

variable "force_destroy" {
  description = "Whether destroying removes a bucket that still holds ledgers"
  type        = bool
  default     = false
}
