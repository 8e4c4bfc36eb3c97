package handlers

import (
	"errors"
	"net/http"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/caddy-webhooks/caddy-webhooks/handlers/history"
	"github.com/caddy-webhooks/caddy-webhooks/handlers/observe"
	"github.com/caddy-webhooks/caddy-webhooks/handlers/webhook"
	"github.com/caddy-webhooks/caddy-webhooks/route"
	"github.com/caddy-webhooks/caddy-webhooks/verify"
)

// forward hands the request on, and makes sure that it is not acknowledged
// unless somebody answered it: Caddy's own answer to a request that no handler
// takes is an empty 200.
func (a *Auth) forward(
	w http.ResponseWriter, r *http.Request, repl *caddy.Replacer, event *route.Event, next caddyhttp.Handler,
) (err error) {
	answer := a.newResponseWriter(w, repl)
	end, began := observe.Ending{Outcome: observe.OutcomeAccepted, Event: event, Arrival: a.observer.ArrivalOf(r)}, time.Now()
	switch {
	case event.Refusal != nil:
		end.Outcome, end.Detail = observe.OutcomeObserved, event.Refusal.Error()
		answer.withhold = passAll // its sender gets what it would get from the app alone
	case event.Unreadable != nil:
		end.Outcome, end.Detail = string(verify.Unreadable), event.Unreadable.Error()
	}
	if history.ResendOf(r) != nil {
		end.Outcome = observe.OutcomeResent
	}
	// A proxy panics to abort a connection, and that has an outcome, too.
	defer func() {
		end.Status, end.Took, end.App = observe.StatusOf(answer.status, err), time.Since(began), answer.status
		end.Withheld = answer.withheld
		if v, ok := webhook.VerifiedOf(r); ok {
			end.Deliver = v.Delivered
		}
		a.observer.Forwarded(r, &end)
	}()
	if err = next.ServeHTTP(answer, r); err != nil {
		if reason := webhook.RefusalReason(r); reason != webhook.ReasonOf(event) {
			end.Outcome = reason
			a.refusedLater(w, r, verify.Reason(reason))
		}
		if event.Failure != "" {
			end.Detail = event.Failure
		}
		return err
	}
	if err = answer.result(a, event); err != nil {
		return err
	}
	unhandled, _ := caddyhttp.GetVar(r.Context(), "unhandled").(bool)
	if answer.status != 0 || !unhandled {
		return nil
	}
	end.Outcome = observe.OutcomeUnrouted
	caddyhttp.SetVar(r.Context(), "unhandled", false) // it is answered with an error
	a.logger.Error("no directive answers this webhook; it is not acknowledged",
		a.observer.Endpoint.Field(), zap.String("event", event.Name), zap.String("uri", r.URL.Path))
	return caddyhttp.Error(http.StatusServiceUnavailable, errors.New("unrouted"))
}
