locals {
  run_task = { for service in ["planner", "finalizer"] : service => join(" ", [
    "aws ecs run-task --launch-type FARGATE --cluster ${aws_ecs_cluster.this.name}",
    "--task-definition ${aws_ecs_task_definition.task[service].family}",
    "--network-configuration 'awsvpcConfiguration={subnets=[${join(",", var.subnet_ids)}],securityGroups=[${aws_security_group.task.id}],assignPublicIp=${var.assign_public_ip ? "ENABLED" : "DISABLED"}}'",
  ]) }
}

output "plan_command" {
  description = "Starts the planner"
  value       = local.run_task["planner"]
}

output "finalize_command" {
  description = "Starts the finalizer, which waits for all jobs; it may be started at any time after the planner has ended"
  value       = local.run_task["finalizer"]
}

output "status_command" {
  description = "Says how far the import is; needs to read the ledger only"
  value       = "AWS_REGION=${local.region} thunderhead status --import-id ${var.import_id} --ledger ${local.ledger_url}"
}

output "start_workers_command" {
  description = "Starts workers at once instead of when CloudWatch has noticed the jobs"
  value       = "aws autoscaling set-desired-capacity --auto-scaling-group-name ${aws_autoscaling_group.worker.name} --desired-capacity ${var.first_workers}"
}

output "ledger_url" {
  description = "The ledger's folder; the import is done when IMPORT_ID/COMPLETE.json is in it"
  value       = local.ledger_url
}

output "queue_url" {
  description = "The job queue"
  value       = aws_sqs_queue.jobs.url
}

output "dead_letter_queue_url" {
  description = "The queue of dead letters"
  value       = aws_sqs_queue.dead.url
}

output "autoscaling_group_name" {
  description = "The workers' group"
  value       = aws_autoscaling_group.worker.name
}

output "worker_security_group_id" {
  description = "Security group of the workers"
  value       = aws_security_group.worker.id
}

output "task_security_group_id" {
  description = "Security group of planner and finalizer"
  value       = aws_security_group.task.id
}

output "role_arns" {
  description = "Roles of planner, worker and finalizer, for bucket and key policies elsewhere"
  value       = { for service, role in aws_iam_role.service : service => role.arn }
}

output "log_group_name" {
  description = "The log group of all services"
  value       = aws_cloudwatch_log_group.this.name
}
