package delivery

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/caddy-webhooks/caddy-webhooks/handlers/observe"
)

// queueMetrics collects what is in the store at the time it is asked.
type queueMetrics struct{}

var (
	waitingDesc = prometheus.NewDesc(prometheus.BuildFQName(observe.Namespace, observe.Subsystem, "delivery_waiting"),
		"Webhooks that wait to be delivered, by destination.", []string{"destination"}, nil)
	deadDesc = prometheus.NewDesc(prometheus.BuildFQName(observe.Namespace, observe.Subsystem, "delivery_dead"),
		"Dead letters that are kept, by destination.", []string{"destination"}, nil)
	oldestDesc = prometheus.NewDesc(prometheus.BuildFQName(observe.Namespace, observe.Subsystem, "delivery_oldest_seconds"),
		"How long the oldest waiting webhook has been waiting, by destination; 0 if none waits.", []string{"destination"}, nil)
	downDesc = prometheus.NewDesc(prometheus.BuildFQName(observe.Namespace, observe.Subsystem, "delivery_down"),
		"Whether the app of a destination is taken to be down (1) or not (0).", []string{"destination"}, nil)
	pausedDesc = prometheus.NewDesc(prometheus.BuildFQName(observe.Namespace, observe.Subsystem, "delivery_paused"),
		"Whether an operator has paused a destination (1) or not (0).", []string{"destination"}, nil)
	strandedDesc = prometheus.NewDesc(prometheus.BuildFQName(observe.Namespace, observe.Subsystem, "delivery_stranded"),
		"Webhooks that wait for a destination, or in a store, which the configuration has no more.", []string{"destination"}, nil)
)

// Describe implements prometheus.Collector.
func (queueMetrics) Describe(descriptions chan<- *prometheus.Desc) {
	descriptions <- waitingDesc
	descriptions <- deadDesc
	descriptions <- oldestDesc
	descriptions <- downDesc
	descriptions <- pausedDesc
	descriptions <- strandedDesc
}

// statsTimeout bounds how long metrics wait for the store.
const statsTimeout = 5 * time.Second

// Collect implements prometheus.Collector.
func (queueMetrics) Collect(collected chan<- prometheus.Metric) {
	current := delivering.Current()
	if current == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), statsTimeout)
	defer cancel()
	all, err := current.queues(ctx)
	if err != nil {
		return // the store itself has said so
	}
	gauge := func(desc *prometheus.Desc, destination string, value float64) {
		collected <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, destination)
	}
	stranded := make(map[string]int)
	for i := range all {
		q := &all[i]
		if q.Configured {
			stranded[q.Destination] += 0
		} else {
			stranded[q.Destination] += q.Waiting
		}
		if q.Store != "" {
			continue
		}
		gauge(waitingDesc, q.Destination, float64(q.Waiting))
		gauge(deadDesc, q.Destination, float64(q.Dead))
		gauge(oldestDesc, q.Destination, q.Age)
		gauge(downDesc, q.Destination, oneIf(q.Down))
		gauge(pausedDesc, q.Destination, oneIf(q.Paused))
	}
	for destination, waiting := range stranded {
		gauge(strandedDesc, destination, float64(waiting))
	}
}

func oneIf(is bool) float64 {
	if is {
		return 1
	}
	return 0
}
