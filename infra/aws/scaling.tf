# From zero, up with the backlog, and back to zero.
#
#   none runs, jobs are there           first_workers                    (alarm, exact capacity)
#   backlog per instance above target   more, in proportion              (target tracking)
#   backlog is zero for five minutes    0                                (alarm, exact capacity)
#
# The backlog counts jobs that wait and jobs that are worked on: an instance whose queue looks empty may
# still be busy. Workers also leave by themselves when the import is over, which is faster.

locals {
  queue_dimensions = { QueueName = aws_sqs_queue.jobs.name }
  group_dimensions = { AutoScalingGroupName = aws_autoscaling_group.worker.name }
  waiting_metric   = "ApproximateNumberOfMessagesVisible"
  in_flight_metric = "ApproximateNumberOfMessagesNotVisible"
}

resource "aws_autoscaling_policy" "track" {
  count = var.follow_backlog ? 1 : 0

  name                   = "backlog-per-worker"
  autoscaling_group_name = aws_autoscaling_group.worker.name
  policy_type            = "TargetTrackingScaling"

  target_tracking_configuration {
    target_value     = var.jobs_per_worker
    disable_scale_in = !var.scale_in_while_working

    customized_metric_specification {
      metrics {
        id          = "waiting"
        label       = "Jobs waiting"
        return_data = false

        metric_stat {
          stat = "Average"

          metric {
            namespace   = "AWS/SQS"
            metric_name = local.waiting_metric

            dimensions {
              name  = "QueueName"
              value = aws_sqs_queue.jobs.name
            }
          }
        }
      }

      metrics {
        id          = "in_flight"
        label       = "Jobs worked on"
        return_data = false

        metric_stat {
          stat = "Average"

          metric {
            namespace   = "AWS/SQS"
            metric_name = local.in_flight_metric

            dimensions {
              name  = "QueueName"
              value = aws_sqs_queue.jobs.name
            }
          }
        }
      }

      metrics {
        id          = "workers"
        label       = "Workers"
        return_data = false

        metric_stat {
          stat = "Average"

          metric {
            namespace   = "AWS/AutoScaling"
            metric_name = "GroupInServiceInstances"

            dimensions {
              name  = "AutoScalingGroupName"
              value = aws_autoscaling_group.worker.name
            }
          }
        }
      }

      metrics {
        id          = "per_worker"
        label       = "Unfinished jobs per worker"
        expression  = "(waiting + in_flight) / IF(workers > 0, workers, 1)"
        return_data = true
      }
    }
  }
}

resource "aws_autoscaling_policy" "start" {
  count = var.follow_backlog ? 1 : 0

  name                   = "start"
  autoscaling_group_name = aws_autoscaling_group.worker.name
  policy_type            = "StepScaling"
  adjustment_type        = "ExactCapacity"

  step_adjustment {
    scaling_adjustment          = var.first_workers
    metric_interval_lower_bound = 0
  }
}

resource "aws_autoscaling_policy" "stop" {
  count = var.follow_backlog ? 1 : 0

  name                   = "stop"
  autoscaling_group_name = aws_autoscaling_group.worker.name
  policy_type            = "StepScaling"
  adjustment_type        = "ExactCapacity"

  step_adjustment {
    scaling_adjustment          = 0
    metric_interval_upper_bound = 0
  }
}

resource "aws_cloudwatch_metric_alarm" "start" {
  count = var.follow_backlog ? 1 : 0

  alarm_name          = "${var.name}-jobs-without-workers"
  alarm_description   = "Jobs are there and no worker is: starts the first"
  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = 1
  evaluation_periods  = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_autoscaling_policy.start[0].arn]
  tags                = local.tags

  metric_query {
    id          = "unattended"
    label       = "Jobs that wait without any worker"
    expression  = "IF(FILL(workers, 0) < 1, waiting, 0)"
    return_data = true
  }

  metric_query {
    id = "waiting"

    metric {
      namespace   = "AWS/SQS"
      metric_name = local.waiting_metric
      period      = 60
      stat        = "Maximum"
      dimensions  = local.queue_dimensions
    }
  }

  metric_query {
    id = "workers"

    metric {
      namespace   = "AWS/AutoScaling"
      metric_name = "GroupDesiredCapacity"
      period      = 60
      stat        = "Maximum"
      dimensions  = local.group_dimensions
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "stop" {
  count = var.follow_backlog ? 1 : 0

  alarm_name          = "${var.name}-no-jobs"
  alarm_description   = "No job is waiting or worked on: the workers may go"
  comparison_operator = "LessThanThreshold"
  threshold           = 1
  evaluation_periods  = 5
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_autoscaling_policy.stop[0].arn]
  tags                = local.tags

  metric_query {
    id          = "backlog"
    label       = "Unfinished jobs"
    expression  = "waiting + in_flight"
    return_data = true
  }

  metric_query {
    id = "waiting"

    metric {
      namespace   = "AWS/SQS"
      metric_name = local.waiting_metric
      period      = 60
      stat        = "Maximum"
      dimensions  = local.queue_dimensions
    }
  }

  metric_query {
    id = "in_flight"

    metric {
      namespace   = "AWS/SQS"
      metric_name = local.in_flight_metric
      period      = 60
      stat        = "Maximum"
      dimensions  = local.queue_dimensions
    }
  }
}
