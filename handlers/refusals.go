package handlers

import (
	"net/http"
	"time"

	"go.uber.org/zap"
)

// refusals logs the requests that one endpoint refuses, unless too many are.
type refusals struct {
	sampler sampler
	logger  *zap.Logger
	whose   zap.Field // the provider, or the issuer of tokens
	message string    // of an entry
	rest    string    // the message of an entry for those that have none
}

// log writes an entry, and reports how many were left out since the last one;
// or it leaves this one out, too.
func (l *refusals) log(r *http.Request, reason, detail string) (leftOut int, logged bool) {
	leftOut, logged = l.sampler.take(reason, now())
	if !logged {
		return 0, false
	}
	fields := []zap.Field{
		l.whose,
		zap.String("reason", reason),
		zap.String("detail", detail),
		zap.String("client_ip", clientIP(r)),
		zap.String("method", r.Method),
		zap.String("path", r.URL.Path),
	}
	if leftOut > 0 {
		fields = append(fields, zap.Int("left_out", leftOut))
	}
	l.logger.Warn(l.message, fields...)
	return leftOut, true
}

// flush tells how many were left out up to a time, so that the end of a flood
// is told of, too. The zero time stands for the end of all.
func (l *refusals) flush(at time.Time) {
	for reason, leftOut := range l.sampler.rest(at) {
		l.logger.Warn(l.rest, l.whose, zap.String("reason", reason), zap.Int("left_out", leftOut))
	}
}
