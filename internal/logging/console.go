package logging

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap/buffer"
	"go.uber.org/zap/zapcore"

	"jamf-ldap-proxy/internal/lookup"
)

// clock is the console's time of day, in the zone of the time itself: the
// machine's, for times from time.Now.
const clock = "15:04:05.000"

// textEncoder writes lines for reading: lookups in a form of their own, anything
// else as time, level, message and key=value pairs. The embedded encoder gathers
// the fields of Logger.With.
type textEncoder struct {
	*zapcore.MapObjectEncoder
	paint   painter
	stamp   func(time.Time) string
	lookups func(*buffer.Buffer, *lookup.Record) // writes whole lines
}

// newConsoleEncoder writes lookups as aligned columns; see lookupline.go.
func newConsoleEncoder(color bool, hintText func(string) string) zapcore.Encoder {
	if hintText == nil {
		hintText = func(string) string { return "" }
	}
	paint := painter{color}
	return &textEncoder{
		MapObjectEncoder: zapcore.NewMapObjectEncoder(), paint: paint,
		stamp: func(t time.Time) string { return t.Format(clock) }, lookups: columns{paint, hintText}.write,
	}
}

// Clone implements zapcore.Encoder.
func (e *textEncoder) Clone() zapcore.Encoder {
	c := *e
	c.MapObjectEncoder = zapcore.NewMapObjectEncoder()
	maps.Copy(c.Fields, e.Fields)
	return &c
}

// EncodeEntry implements zapcore.Encoder.
func (e *textEncoder) EncodeEntry(entry zapcore.Entry, fields []zapcore.Field) (*buffer.Buffer, error) {
	line := lines.Get()
	if r := recordOf(fields); r != nil {
		e.lookups(line, r)
		return line, nil
	}
	line.AppendString(e.paint.apply(dim, e.stamp(entry.Time)))
	line.AppendString(" " + e.paint.level(entry.Level) + " ")
	if entry.LoggerName != "" {
		line.AppendString(entry.LoggerName + ": ")
	}
	line.AppendString(lookup.Clip(entry.Message, maxFilter))
	e.appendPairs(line, e.Fields)
	for _, field := range fields {
		one := zapcore.NewMapObjectEncoder()
		field.AddTo(one)
		e.appendPairs(line, one.Fields)
	}
	line.AppendByte('\n')
	if entry.Stack != "" {
		line.AppendString(entry.Stack + "\n")
	}
	return line, nil
}

// recordOf returns the lookup that the sink logged, or nil for any other entry.
func recordOf(fields []zapcore.Field) *lookup.Record {
	if len(fields) != 1 {
		return nil
	}
	r, _ := fields[0].Interface.(*record)
	return (*lookup.Record)(r)
}

// appendPairs writes fields as " key=value", sorted within one call. An error's
// verbose form, a stack trace, is left to the JSON log.
func (e *textEncoder) appendPairs(line *buffer.Buffer, fields map[string]any) {
	keys := make([]string, 0, len(fields))
	for key := range fields {
		if key != "errorVerbose" {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	for _, key := range keys {
		line.AppendString(" " + e.paint.apply(dim, key+"=") + quoted(consoleValue(fields[key])))
	}
}

// consoleValue prints what zap's typed fields hold, and of anything else the type.
func consoleValue(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case time.Time:
		return v.Format(time.RFC3339)
	case bool, time.Duration,
		int, int8, int16, int32, int64,
		uint, uint8, uint16, uint32, uint64, uintptr, float32, float64:
		return fmt.Sprint(v)
	case []any:
		return joined(v)
	case map[string]any:
		return joinedPairs(v)
	}
	return typeOnly(v)
}

func joined(items []any) string {
	texts := make([]string, len(items))
	for i, item := range items {
		texts[i] = consoleValue(item)
	}
	return strings.Join(texts, ",")
}

func joinedPairs(fields map[string]any) string {
	pairs := make([]string, 0, len(fields))
	for key, value := range fields {
		pairs = append(pairs, key+"="+consoleValue(value))
	}
	slices.Sort(pairs)
	return strings.Join(pairs, ",")
}

// quoted returns s on one line, in quotes where its end would not be plain to see.
func quoted(s string) string {
	s = lookup.Clip(s, maxFilter)
	if s == "" || strings.ContainsAny(s, " \"") {
		return strconv.Quote(s)
	}
	return s
}
