package handlers

import (
	"net/http"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// refusals logs the requests of one endpoint that anybody can send as often as he
// likes, such as those that are refused, unless there are too many.
type refusals struct {
	sampler sampler
	logger  *zap.Logger
	level   zapcore.Level
	whose   zap.Field // the provider, or the issuer of tokens
	message string    // of an entry
	rest    string    // the message of an entry for those that have none
}

// log writes an entry, and reports how many were left out since the last one;
// or it leaves this one out, too.
func (l *refusals) log(r *http.Request, reason, detail string, more ...zap.Field) (leftOut int, logged bool) {
	leftOut, logged = l.sampler.take(reason, now())
	if !logged {
		return 0, false
	}
	fields := []zap.Field{l.whose, zap.String("reason", reason)}
	if detail != "" {
		fields = append(fields, zap.String("detail", detail))
	}
	fields = append(fields,
		zap.String("client_ip", clientIP(r)),
		zap.String("method", r.Method),
		zap.String("path", r.URL.Path),
	)
	fields = append(fields, more...)
	if leftOut > 0 {
		fields = append(fields, zap.Int("left_out", leftOut))
	}
	l.logger.Log(l.level, l.message, fields...)
	return leftOut, true
}

// flush tells how many were left out up to a time, so that the end of a flood
// is told of, too. The zero time stands for the end of all.
func (l *refusals) flush(at time.Time) {
	for reason, leftOut := range l.sampler.rest(at) {
		l.logger.Log(l.level, l.rest, l.whose, zap.String("reason", reason), zap.Int("left_out", leftOut))
	}
}
