package observe

import (
	"net/http"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/caddy-webhooks/caddy-webhooks/handlers/webhook"
	"github.com/caddy-webhooks/caddy-webhooks/internal/sampler"
)

// Refusals logs the requests of one endpoint that anybody can send as often as he
// likes, such as those that are refused, unless there are too many.
type Refusals struct {
	sampler sampler.Sampler
	Logger  *zap.Logger
	Level   zapcore.Level
	Whose   zap.Field // the provider, or the issuer of tokens
	Message string    // of an entry
	Rest    string    // the message of an entry for those that have none
}

// Log writes an entry, and reports how many were left out since the last one;
// or it leaves this one out, too.
func (l *Refusals) Log(r *http.Request, reason, detail string, more ...zap.Field) (leftOut int, logged bool) {
	leftOut, logged = l.sampler.Take(reason, webhook.Now())
	if !logged {
		return 0, false
	}
	fields := []zap.Field{l.Whose, zap.String("reason", reason)}
	if detail != "" {
		fields = append(fields, zap.String("detail", detail))
	}
	fields = append(fields,
		zap.String("client_ip", webhook.ClientIP(r)),
		zap.String("method", r.Method),
		zap.String("path", r.URL.Path),
	)
	fields = append(fields, more...)
	if leftOut > 0 {
		fields = append(fields, zap.Int("left_out", leftOut))
	}
	l.Logger.Log(l.Level, l.Message, fields...)
	return leftOut, true
}

// flush tells how many were left out up to a time, so that the end of a flood
// is told of, too. The zero time stands for the end of all.
func (l *Refusals) flush(at time.Time) {
	for reason, leftOut := range l.sampler.Rest(at) {
		l.Logger.Log(l.Level, l.Rest, l.Whose, zap.String("reason", reason), zap.Int("left_out", leftOut))
	}
}
