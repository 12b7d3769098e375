# What must hold of the module, against a mock of AWS: nothing is created and no credential is needed.

mock_provider "aws" {
  mock_data "aws_iam_policy_document" {
    defaults = { json = "{}" }
  }
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }
  mock_data "aws_region" {
    defaults = { id = "eu-west-1", name = "eu-west-1" }
  }
  mock_resource "aws_s3_bucket" {
    defaults = { id = "imp-ledger-0", arn = "arn:aws:s3:::imp-ledger-0" }
  }
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::123456789012:role/imp" }
  }
  mock_resource "aws_iam_instance_profile" {
    defaults = { arn = "arn:aws:iam::123456789012:instance-profile/imp-worker" }
  }
  mock_resource "aws_sqs_queue" {
    defaults = { arn = "arn:aws:sqs:eu-west-1:123456789012:imp", url = "https://sqs.eu-west-1.amazonaws.com/123456789012/imp" }
  }
  mock_resource "aws_launch_template" {
    defaults = { id = "lt-0123456789abcdef0" }
  }
  mock_resource "aws_autoscaling_policy" {
    defaults = { arn = "arn:aws:autoscaling:eu-west-1:123456789012:scalingPolicy:0:autoScalingGroupName/imp-worker:policyName/p" }
  }
  mock_resource "aws_cloudwatch_log_group" {
    defaults = { arn = "arn:aws:logs:eu-west-1:123456789012:log-group:/thunderhead/imp" }
  }
}

variables {
  name                  = "imp"
  import_id             = "orders-2026-11"
  image                 = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/thunderhead:0.1.0"
  image_repository_arns = ["arn:aws:ecr:eu-west-1:123456789012:repository/thunderhead"]
  source_bucket         = "dumps"
  source_prefix         = "orders"
  tidb_host             = "tidb.internal"
  vpc_id                = "vpc-0"
  subnet_ids            = ["subnet-0", "subnet-1"]
  target_cidr_blocks    = ["10.0.0.0/16"]
}

run "the_queue_hides_a_job_as_long_as_workers_expect_and_has_dead_letters" {
  assert {
    condition     = aws_sqs_queue.jobs.visibility_timeout_seconds == 60
    error_message = "thunderhead.queue-visibility is 60 s by default"
  }
  assert {
    condition     = jsondecode(aws_sqs_queue.jobs.redrive_policy).maxReceiveCount > 5
    error_message = "a job must fail with its reason (thunderhead.max-receives, 5) before it becomes a dead letter"
  }
  assert {
    condition     = aws_sqs_queue.dead.message_retention_seconds == 1209600 && aws_sqs_queue.jobs.message_retention_seconds == 1209600
    error_message = "messages must outlive a long import: 14 days is the most that SQS keeps"
  }
  assert {
    condition     = try(aws_sqs_queue.jobs.fifo_queue, false) != true
    error_message = "jobs may be done in any order: a standard queue"
  }
}

run "the_ledger_is_private_and_outlives_the_messages" {
  assert {
    condition = alltrue([
      aws_s3_bucket_public_access_block.ledger[0].block_public_acls,
      aws_s3_bucket_public_access_block.ledger[0].block_public_policy,
      aws_s3_bucket_public_access_block.ledger[0].ignore_public_acls,
      aws_s3_bucket_public_access_block.ledger[0].restrict_public_buckets,
    ])
    error_message = "the ledger names tables and places of rows; it must not be public"
  }
  assert {
    condition     = aws_s3_bucket_lifecycle_configuration.ledger[0].rule[0].expiration[0].days * 86400 > aws_sqs_queue.jobs.message_retention_seconds
    error_message = "a message must not point to a ledger that lifecycle rules have removed"
  }
  assert {
    condition     = aws_s3_bucket_lifecycle_configuration.ledger[0].rule[0].filter[0].prefix == "ledger/"
    error_message = "only ledgers expire"
  }
}

run "an_existing_bucket_gets_no_rules_of_ours" {
  variables {
    ledger_bucket = "shared"
  }
  assert {
    condition     = length(aws_s3_bucket.ledger) + length(aws_s3_bucket_lifecycle_configuration.ledger) + length(aws_s3_bucket_policy.ledger) == 0
    error_message = "an existing bucket is somebody else's"
  }
  assert {
    condition     = output.ledger_url == "s3://shared/ledger"
    error_message = "the ledger must be in the existing bucket"
  }
}

run "instances_have_only_the_second_metadata_service_and_an_encrypted_disk" {
  assert {
    condition     = aws_launch_template.worker.metadata_options[0].http_tokens == "required" && aws_launch_template.worker.metadata_options[0].http_put_response_hop_limit == 1
    error_message = "IMDSv2 only, one hop"
  }
  assert {
    condition     = aws_launch_template.worker.block_device_mappings[0].ebs[0].encrypted == "true"
    error_message = "rows may pass the root disk"
  }
}

run "workers_are_spot_and_begin_at_zero" {
  assert {
    condition     = aws_autoscaling_group.worker.min_size == 0
    error_message = "an idle group must cost nothing"
  }
  assert {
    condition = alltrue([
      aws_autoscaling_group.worker.mixed_instances_policy[0].instances_distribution[0].on_demand_base_capacity == 0,
      aws_autoscaling_group.worker.mixed_instances_policy[0].instances_distribution[0].on_demand_percentage_above_base_capacity == 0,
    ])
    error_message = "all instances are spot unless told otherwise"
  }
  assert {
    condition     = length(aws_autoscaling_group.worker.mixed_instances_policy[0].launch_template[0].override) == length(var.instance_types)
    error_message = "every instance type must be offered"
  }
}

run "a_worker_that_must_go_has_time_to_give_its_jobs_back" {
  assert {
    condition = alltrue([for hook in aws_autoscaling_group.worker.initial_lifecycle_hook :
      hook.lifecycle_transition == "autoscaling:EC2_INSTANCE_TERMINATING" && hook.default_result == "CONTINUE" &&
    hook.heartbeat_timeout > var.drain_seconds])
    error_message = "the hook must last longer than the drain, and end by itself"
  }
  assert {
    condition     = strcontains(local.user_data, "docker stop -t ${var.drain_seconds}") && strcontains(local.user_data, "--lifecycle-hook-name drain")
    error_message = "the instance must stop the worker and complete the hook"
  }
}

run "the_group_comes_from_zero_follows_the_backlog_and_returns_to_zero" {
  assert {
    condition     = one(aws_autoscaling_policy.start[0].step_adjustment).scaling_adjustment == 1 && aws_autoscaling_policy.start[0].adjustment_type == "ExactCapacity"
    error_message = "jobs without workers must start first_workers"
  }
  assert {
    condition     = one(aws_autoscaling_policy.stop[0].step_adjustment).scaling_adjustment == 0 && aws_autoscaling_policy.stop[0].adjustment_type == "ExactCapacity"
    error_message = "no backlog must end all workers"
  }
  assert {
    condition     = aws_autoscaling_policy.track[0].target_tracking_configuration[0].target_value == 16 && aws_autoscaling_policy.track[0].target_tracking_configuration[0].disable_scale_in
    error_message = "more workers above 16 jobs each, none taken away while there is work"
  }
  assert {
    condition     = one([for query in aws_cloudwatch_metric_alarm.stop[0].metric_query : query.expression if query.return_data == true]) == "waiting + in_flight"
    error_message = "jobs that are worked on are backlog too"
  }
}

run "an_operator_may_set_the_number_of_workers_by_hand" {
  variables {
    follow_backlog = false
  }
  assert {
    condition     = length(aws_autoscaling_policy.start) + length(aws_autoscaling_policy.stop) + length(aws_autoscaling_policy.track) == 0
    error_message = "no policy may work against the operator"
  }
}

run "each_service_may_do_what_it_does_and_no_more" {
  assert {
    condition = alltrue([for document in data.aws_iam_policy_document.service :
      alltrue([for statement in document.statement : !contains(statement.resources, "*") && alltrue([for action in statement.actions : !strcontains(action, "*")])])
    ])
    error_message = "no wildcard in the services' policies"
  }
  assert {
    condition     = !anytrue([for document in data.aws_iam_policy_document.service : contains(flatten(document.statement[*].actions), "s3:DeleteObject")])
    error_message = "a ledger is written once; nobody deletes"
  }
  assert {
    condition     = toset(flatten(data.aws_iam_policy_document.service["worker"].statement[*].actions)) == toset(["s3:ListBucket", "s3:GetObject", "s3:PutObject", "sqs:ReceiveMessage", "sqs:ChangeMessageVisibility", "sqs:DeleteMessage"])
    error_message = "a worker reads the dump, writes its ledger, and takes jobs"
  }
  assert {
    condition     = !contains(flatten(data.aws_iam_policy_document.service["finalizer"].statement[*].resources), local.source_objects)
    error_message = "the finalizer has no business with the dump"
  }
  assert {
    condition     = local.source_objects == "arn:aws:s3:::dumps/orders/*" && local.ledger_objects == "arn:aws:s3:::imp-ledger-0/ledger/*"
    error_message = "only the dump's and the ledger's folders"
  }
}

run "nothing_comes_in_and_workers_do_not_reach_sql" {
  assert {
    condition     = length(aws_vpc_security_group_ingress_rule.target_group) + length(aws_vpc_security_group_ingress_rule.endpoint) == 0
    error_message = "without a target group and endpoints there is no rule for incoming traffic"
  }
  assert {
    condition     = toset([for key, rule in aws_vpc_security_group_egress_rule.target_cidr : rule.from_port if startswith(key, "worker-")]) == toset([2379, 20160, 20180])
    error_message = "workers speak to PD and TiKV only"
  }
  assert {
    condition     = toset([for key, rule in aws_vpc_security_group_egress_rule.target_cidr : rule.from_port if startswith(key, "task-")]) == toset([2379, 20160, 20180, 4000, 10080])
    error_message = "planner and finalizer speak to TiDB too"
  }
}

run "a_target_group_is_opened_on_both_sides" {
  variables {
    target_cidr_blocks       = []
    target_security_group_id = "sg-target"
  }
  assert {
    condition     = keys(aws_vpc_security_group_ingress_rule.target_group) == keys(aws_vpc_security_group_egress_rule.target_group) && length(aws_vpc_security_group_ingress_rule.target_group) == 8
    error_message = "each way out needs its way in"
  }
}

run "endpoints_are_made_on_request_only" {
  variables {
    s3_endpoint_route_table_ids = ["rtb-0"]
    interface_endpoints         = ["sqs", "logs"]
  }
  assert {
    condition     = length(aws_vpc_endpoint.s3) == 1 && aws_vpc_endpoint.interface["sqs"].service_name == "com.amazonaws.eu-west-1.sqs"
    error_message = "both kinds of endpoints in the region"
  }
  assert {
    condition     = length(aws_vpc_security_group_ingress_rule.endpoint) == 2
    error_message = "workers and tasks must reach the endpoints"
  }
}

run "commands_carry_what_the_binary_wants_and_no_secret" {
  variables {
    tidb_password_secret_arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:tidb"
    pd_endpoints             = ["pd-0:2379", "pd-1:2379"]
    concurrency              = 6
  }
  assert {
    condition     = join(" ", local.task_commands.planner) == "plan --config /tmp/thunderhead.toml --source s3://dumps/orders --tidb-host tidb.internal --tidb-port 4000 --tidb-status 10080 --tidb-user root --pd-urls pd-0:2379,pd-1:2379"
    error_message = "the planner's command"
  }
  assert {
    condition     = strcontains(local.user_data, " work --config /etc/thunderhead/thunderhead.toml --sort-dir /sort --name \"$instance\" --spot-notices aws --pd-urls pd-0:2379,pd-1:2379 --concurrency 6\n")
    error_message = "the worker's command"
  }
  assert {
    condition     = strcontains(local.user_data, "THUNDERHEAD_IMPORT_ID=orders-2026-11\n") && strcontains(local.user_data, "THUNDERHEAD_LEDGER=s3://imp-ledger-0/ledger\n")
    error_message = "the worker's environment"
  }
  assert {
    condition     = jsondecode(aws_ecs_task_definition.task["finalizer"].container_definitions)[0].secrets[0].name == "TIDB_PASSWORD"
    error_message = "the password comes from Secrets Manager"
  }
  assert {
    condition     = !strcontains(local.user_data, "TIDB_PASSWORD")
    error_message = "workers need no password"
  }
}

run "a_password_in_the_configuration_is_refused" {
  command = plan
  variables {
    config_toml = "[tidb]\npassword = \"x\"\n"
  }
  expect_failures = [var.config_toml]
}

run "a_dead_letter_before_the_last_reception_is_refused" {
  command = plan
  variables {
    max_receive_count = 5
  }
  expect_failures = [var.max_receive_count]
}
