package ocireg

import (
	"context"
	"encoding/json"
	"log/slog"
	"slices"
	"time"
)

// LevelTrace is the level of records about connections, below [slog.LevelDebug].
const LevelTrace = slog.LevelDebug - 4

// The levels of the library, from 1 on.
var logLevels = [...]slog.Level{slog.LevelError, slog.LevelWarn, slog.LevelInfo, slog.LevelDebug, LevelTrace}

// SetLogger logs what the calls of the service do on the network: requests at [slog.LevelDebug], authentication at
// [slog.LevelInfo], retries, changes of the endpoint and unverified TLS at [slog.LevelWarn]. No record holds a secret or
// a query. The attributes are the keys of the library's document: "target", "method", "host", "http_status" and others.
//
// Records are made for the levels that the logger has enabled now; a nil logger ends it. The handler runs on the
// goroutine that makes the call. It must not close or set the logger of what the call uses, nor call
// [runtime.Goexit]; a panic in it is caught and lost. Calls that it makes itself are not logged.
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

// handle gives one record of the library to the handler.
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
