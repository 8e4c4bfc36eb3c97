// Package delivery is the handler webhook_deliver: it asks apps, stores what they do
// not take, and delivers that later. It has the admin endpoint and the metrics of
// what is stored.
package delivery
