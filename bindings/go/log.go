package ocireg

import (
	"context"
	"encoding/json"
	"log/slog"
	"slices"
	"time"
)

// LevelTrace is the level of log records about connections, below [slog.LevelDebug].
const LevelTrace = slog.LevelDebug - 4

// logLevels are the library's levels, starting at 1.
var logLevels = [...]slog.Level{slog.LevelError, slog.LevelWarn, slog.LevelInfo, slog.LevelDebug, LevelTrace}

// SetLogger logs the network activity of the service: requests at [slog.LevelDebug], authentication at
// [slog.LevelInfo], and retries, changes of the endpoint and unverified TLS at [slog.LevelWarn]. Records never contain
// secrets or query strings. Their attributes are named as in the library's JSON: "target", "method", "host",
// "http_status" and others.
//
// The levels that the logger enables now are logged; a nil logger turns logging off. The handler runs on the goroutine
// that makes the call. It must not close, or set the logger of, anything that the call uses, and it must not call
// [runtime.Goexit]. If it panics, the panic is recovered and ignored. Calls that the handler makes are not logged.
func (s *DefaultService) SetLogger(logger *slog.Logger) error {
	if logger == nil {
		return newError(s.c.SetLog(0, nil))
	}
	handler, most := logger.Handler(), 0
	for i, level := range logLevels {
		if handler.Enabled(context.Background(), level) {
			most = i + 1
		}
	}
	return newError(s.c.SetLog(int32(most), func(level int32, document string) {
		defer running.lend()()
		defer func() { _ = recover() }() // Go's panics must not cross C, and no call is to end because of its log.
		handle(handler, logLevels[level-1], document)
	}))
}

// handle passes a record of the library to the handler.
func handle(handler slog.Handler, level slog.Level, document string) {
	ctx := context.Background()
	if !handler.Enabled(ctx, level) {
		return
	}
	var keys map[string]any
	if err := json.Unmarshal([]byte(document), &keys); err != nil {
		return
	}
	at, _ := keys["time_ms"].(float64)
	message, _ := keys["message"].(string)
	record := slog.NewRecord(time.UnixMilli(int64(at)), level, message, 0)
	var names []string
	for name := range keys {
		if name != "time_ms" && name != "message" && name != "level" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		value := keys[name]
		if number, ok := value.(float64); ok && number == float64(int64(number)) {
			value = int64(number)
		}
		record.AddAttrs(slog.Any(name, value))
	}
	_ = handler.Handle(ctx, record) // There is nobody to tell.
}
