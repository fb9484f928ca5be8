package logging

import (
	"encoding/json"
	"fmt"
	"io"

	"go.uber.org/zap/zapcore"
)

// typeOnlyEncoder stands in for reflection: zap.Any of a struct or map logs the
// name of its type. A configuration or request that somebody logs in passing must
// not take a secret with it.
type typeOnlyEncoder struct{ w io.Writer }

func newTypeOnlyEncoder(w io.Writer) zapcore.ReflectedEncoder { return typeOnlyEncoder{w} }

func (e typeOnlyEncoder) Encode(v any) error {
	text, err := json.Marshal(typeOnly(v))
	if err != nil {
		return fmt.Errorf("encoding a type name: %w", err)
	}
	_, err = e.w.Write(append(text, '\n'))
	return err
}

func typeOnly(v any) string { return fmt.Sprintf("%T not logged", v) }
