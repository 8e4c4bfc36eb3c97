package observe

import (
	"strconv"
	"strings"

	"github.com/caddy-webhooks/caddy-webhooks/route"
	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// KeyOf names the credentials that have verified an event by their kinds and numbers,
// such as "secret 2"; it is empty where none of the configuration has.
func KeyOf(event *route.Event) string {
	if event.Used == (verify.Used{Secret: 1}) {
		return "secret 1" // as it nearly always is
	}
	var names []string
	event.Used.Each(func(kind string, number int) { names = append(names, kind+" "+strconv.Itoa(number)) })
	return strings.Join(names, ", ")
}

// keyUsed notes when credentials were right last.
func (o *Observer) keyUsed(event *route.Event) {
	event.Used.Each(func(kind string, number int) {
		Collectors().keyUsed.WithLabelValues(o.Endpoint.Provider, o.Endpoint.Name, kind, strconv.Itoa(number)).
			Set(float64(event.Received.UnixMilli()) / 1e3)
	})
}

// ExpectKeys makes the metric of each configured credential, so that one that is never
// used shows, and removes those of credentials that are not configured any more.
func (o *Observer) ExpectKeys(config *verify.Config) {
	headers := 0
	for _, header := range config.TokenHeaders {
		headers = max(headers, len(header.Values))
	}
	for kind, count := range map[string]int{
		"secret": len(config.Secrets), "token": len(config.Tokens), "token_header": headers, "basic": len(config.Basic),
	} {
		for number := 1; ; number++ {
			labels := []string{o.Endpoint.Provider, o.Endpoint.Name, kind, strconv.Itoa(number)}
			if number <= count {
				Collectors().keyUsed.WithLabelValues(labels...)
			} else if !Collectors().keyUsed.DeleteLabelValues(labels...) {
				break
			}
		}
	}
}
