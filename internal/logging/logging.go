// Package logging builds the program's logger and writes lookup records to it:
// one JSON line each for machines, one aligned line each for a person at a
// terminal, or the lines that OpenLDAP's slapd would write.
//
// Logging never waits for its output. Lines go to a buffer that one goroutine
// writes out within milliseconds; when the output is stuck (a paused terminal, a
// full pipe) lines are dropped, counted, and the gap is noted in the log.
package logging

import (
	"fmt"
	"io"
	"os"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/buffer"
	"go.uber.org/zap/zapcore"
)

// Format is the form of the log's lines.
type Format string

const (
	FormatAuto    Format = "auto"    // console on a terminal, JSON elsewhere
	FormatJSON    Format = "json"    // one object per line
	FormatConsole Format = "console" // for reading
	FormatSlapd   Format = "slapd"   // lookups as slapd's log level stats has them
)

// UnmarshalText accepts the formats; empty means auto.
func (f *Format) UnmarshalText(text []byte) error {
	switch v := Format(text); v {
	case "":
		*f = FormatAuto
	case FormatAuto, FormatJSON, FormatConsole, FormatSlapd:
		*f = v
	default:
		return fmt.Errorf("log format: want json, console, slapd or auto (got %q)", text)
	}
	return nil
}

// Options is how to log. The zero value writes JSON, from info up, to nowhere.
type Options struct {
	Level    zapcore.Level
	Format   Format
	Out      io.Writer // nil discards
	Terminal bool      // Out is a terminal
	Color    bool      // colour is wanted; it needs a terminal and an unset NO_COLOR too
	// HintText, if not nil, explains a hint that is a bare name; the console shows
	// the text behind the name, JSON has the name only.
	HintText func(name string) string
	// OnDrop, if not nil, is called once per line that was lost because Out was
	// stuck or failed. It must not block or log.
	OnDrop func()
}

// New returns a logger, the level to change while it runs, and a function that
// writes out what is buffered and ends the logger's goroutine. Lines logged after
// that are lost. Values of arbitrary types are not logged; see typeOnlyEncoder.
func New(o Options) (*zap.Logger, zap.AtomicLevel, func() error) {
	if o.Out == nil {
		o.Out = io.Discard
	}
	encoder := newEncoder(o)
	out := newWriter(o.Out, o.OnDrop, func(n int) []byte { return gapNotice(encoder, n) })
	level := zap.NewAtomicLevelAt(o.Level)
	return zap.New(zapcore.NewCore(encoder, out, level)), level, out.Close
}

func newEncoder(o Options) zapcore.Encoder {
	switch {
	case o.Format == FormatSlapd:
		return newSlapdEncoder()
	case o.Format == FormatConsole, o.Format != FormatJSON && o.Terminal:
		return newConsoleEncoder(o.Color && o.Terminal && os.Getenv("NO_COLOR") == "", o.HintText)
	}
	return zapcore.NewJSONEncoder(zapcore.EncoderConfig{
		TimeKey:             "time",
		LevelKey:            "level",
		MessageKey:          "msg",
		NameKey:             "logger",
		StacktraceKey:       "stack",
		EncodeTime:          encodeTime,
		EncodeLevel:         zapcore.LowercaseLevelEncoder,
		EncodeDuration:      zapcore.StringDurationEncoder,
		NewReflectedEncoder: newTypeOnlyEncoder,
	})
}

// timeLayout is RFC 3339 with a fixed number of digits, so that lines sort as text.
const timeLayout = "2006-01-02T15:04:05.000000Z07:00"

func encodeTime(t time.Time, enc zapcore.PrimitiveArrayEncoder) {
	zapcore.TimeEncoderOfLayout(timeLayout)(t.UTC(), enc)
}

// gapNotice is the line that stands where n lines were lost.
func gapNotice(encoder zapcore.Encoder, n int) []byte {
	entry := zapcore.Entry{Level: zapcore.WarnLevel, Time: time.Now(), Message: "log lines lost: output too slow or failing"}
	line, err := encoder.Clone().EncodeEntry(entry, []zapcore.Field{zap.Int("lines", n)})
	if err != nil {
		return nil
	}
	defer line.Free()
	return append([]byte(nil), line.Bytes()...)
}

// lines is the pool of the text encoders' line buffers.
var lines = buffer.NewPool()
