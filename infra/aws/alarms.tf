# What an operator wants to be told. Scaling alarms are in scaling.tf.

resource "aws_cloudwatch_metric_alarm" "dead_letters" {
  alarm_name          = "${var.name}-dead-letters"
  alarm_description   = "Jobs were received too often without a result or a reason: workers die while working on them"
  namespace           = "AWS/SQS"
  metric_name         = local.waiting_metric
  dimensions          = { QueueName = aws_sqs_queue.dead.name }
  statistic           = "Maximum"
  period              = 60
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_actions
  ok_actions          = var.alarm_actions
  tags                = local.tags
}

resource "aws_cloudwatch_metric_alarm" "stalled" {
  alarm_name          = "${var.name}-stalled"
  alarm_description   = "A job has been waiting for long: no worker starts, or none gets on"
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateAgeOfOldestMessage"
  dimensions          = local.queue_dimensions
  statistic           = "Maximum"
  period              = 300
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = var.stalled_minutes * 60
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_actions
  ok_actions          = var.alarm_actions
  tags                = local.tags
}

resource "aws_cloudwatch_metric_alarm" "idle_workers" {
  alarm_name          = "${var.name}-idle-workers"
  alarm_description   = "Workers run although no job has been worked on for half an hour: they cost money"
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  evaluation_periods  = 6
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_actions
  ok_actions          = var.alarm_actions
  tags                = local.tags

  metric_query {
    id          = "idle"
    label       = "Workers without any job"
    expression  = "IF(in_flight < 1, FILL(workers, 0), 0)"
    return_data = true
  }

  metric_query {
    id = "in_flight"

    metric {
      namespace   = "AWS/SQS"
      metric_name = local.in_flight_metric
      period      = 300
      stat        = "Maximum"
      dimensions  = local.queue_dimensions
    }
  }

  metric_query {
    id = "workers"

    metric {
      namespace   = "AWS/AutoScaling"
      metric_name = "GroupInServiceInstances"
      period      = 300
      stat        = "Minimum"
      dimensions  = local.group_dimensions
    }
  }
}
