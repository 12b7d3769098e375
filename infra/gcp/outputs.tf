output "ledger_url" {
  description = "The ledger's folder; the import is done when IMPORT_ID/COMPLETE.json is in it"
  value       = local.ledger_url
}

output "status_command" {
  description = "Says how far the import is; needs to read the ledger only"
  value       = "thunderhead status --import-id ${var.import_id} --ledger ${local.ledger_url}"
}

output "service_account_email" {
  description = "The instances' service account"
  value       = google_service_account.worker.email
}

output "service_account_unique_id" {
  description = "The service account's number: the subject that the AWS role must trust"
  value       = google_service_account.worker.unique_id
}

output "instance_group" {
  description = "The instances' group"
  value       = google_compute_instance_group_manager.worker.instance_group
}
