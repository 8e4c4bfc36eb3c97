package delivery

import (
	"context"
	"time"

	"github.com/caddy-webhooks/caddy-webhooks/handlers/observe"
	"github.com/prometheus/client_golang/prometheus"
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
)

// Describe implements prometheus.Collector.
func (queueMetrics) Describe(descriptions chan<- *prometheus.Desc) {
	descriptions <- waitingDesc
	descriptions <- deadDesc
	descriptions <- oldestDesc
}

// statsTimeout bounds how long metrics wait for the store.
const statsTimeout = 5 * time.Second

// Collect implements prometheus.Collector.
func (queueMetrics) Collect(collected chan<- prometheus.Metric) {
	current := delivering.current()
	if current == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), statsTimeout)
	defer cancel()
	all, err := current.pooled.Stats(ctx)
	if err != nil {
		return // the store itself has said so
	}
	for i := range all {
		gauge := func(desc *prometheus.Desc, value float64) {
			collected <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, all[i].Destination)
		}
		gauge(waitingDesc, float64(all[i].Waiting))
		gauge(deadDesc, float64(all[i].Dead))
		age := 0.0
		if !all[i].Oldest.IsZero() {
			age = time.Since(all[i].Oldest).Seconds()
		}
		gauge(oldestDesc, age)
	}
}
