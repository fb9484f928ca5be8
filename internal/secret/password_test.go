package secret_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"jamf-ldap-proxy/internal/secret"
)

const text = "hunter2-Zebra"

// leaks tells whether out holds the password in a form that a printer makes.
func leaks(out string) bool {
	out = strings.ToLower(out)
	for _, form := range []string{
		strings.ToLower(text), fmt.Sprintf("%x", text), fmt.Sprintf("% x", text),
		strings.Trim(fmt.Sprint([]byte(text)), "[]"), "68, 0x75", "0x68,0x75", "aHVudGVyM",
	} {
		if strings.Contains(out, strings.ToLower(form)) {
			return true
		}
	}
	return false
}

type exported struct {
	Name string
	PW   secret.Password
	Ref  *secret.Password
	List []secret.Password
	Map  map[string]secret.Password
}

type hidden struct {
	name string
	pw   secret.Password
	ref  *secret.Password
	deep *exported
}

func holders() []any {
	pw := secret.New([]byte(text))
	e := exported{"x", pw, &pw, []secret.Password{pw}, map[string]secret.Password{"a": pw}}
	h := hidden{"x", pw, &pw, &e}
	return []any{pw, &pw, e, &e, h, &h, []hidden{h}, map[string]any{"h": h, "p": pw}, [1]secret.Password{pw}}
}

func TestNoVerbPrintsIt(t *testing.T) {
	for _, flags := range []string{"", "+", "#", " ", "0", "-20", "40.30", "# ", "+#"} {
		for verb := 'A'; verb <= 'z'; verb++ {
			for _, v := range holders() {
				if out := fmt.Sprintf("%"+flags+string(verb), v); leaks(out) {
					t.Errorf("%%%s%c of %T prints %s", flags, verb, v, out)
				}
			}
		}
	}
	pw := secret.New([]byte(text))
	for _, out := range []string{pw.String(), pw.GoString(), fmt.Sprint(pw), fmt.Sprintf("%#v", pw), fmt.Sprintf("%x", pw), fmt.Sprint(&pw)} {
		if out != "[secret]" {
			t.Errorf("got %q", out)
		}
	}
	if out := fmt.Sprint(secret.Password{}); out != "[secret]" { // empty is nobody's business either
		t.Errorf("got %q", out)
	}
}

func TestNoEncoderWritesIt(t *testing.T) {
	for _, v := range holders() {
		if out, err := json.Marshal(v); err != nil || leaks(string(out)) {
			t.Errorf("json of %T: %s, %v", v, out, err)
		}
	}
	if out, _ := json.Marshal(secret.New([]byte(text))); string(out) != `"[secret]"` {
		t.Errorf("json: %s", out)
	}
	type login struct{ PW secret.Password }
	out, err := xml.Marshal(login{secret.New([]byte(text))})
	if err != nil || leaks(string(out)) || !strings.Contains(string(out), "[secret]") {
		t.Errorf("xml: %s, %v", out, err)
	}
}

func TestNoLoggerWritesIt(t *testing.T) {
	var out bytes.Buffer
	encoders := []zapcore.Encoder{
		zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig()),
		zapcore.NewConsoleEncoder(zap.NewDevelopmentEncoderConfig()),
	}
	for _, e := range encoders {
		log := zap.New(zapcore.NewCore(e, zapcore.AddSync(&out), zap.DebugLevel))
		for _, v := range holders() {
			log.Info("x", zap.Any("v", v), zap.Reflect("r", v))
			log.Sugar().Infow("x", "v", v)
			log.Sugar().Infof("%v %+v %#v", v, v, v)
		}
		log.Info("x", zap.Stringer("s", secret.New([]byte(text))))
	}
	for _, h := range []slog.Handler{slog.NewJSONHandler(&out, nil), slog.NewTextHandler(&out, nil)} {
		for _, v := range holders() {
			slog.New(h).Info("x", "v", v)
		}
	}
	if leaks(out.String()) {
		t.Errorf("a logger wrote the password:\n%s", out.String())
	}
	if !strings.Contains(out.String(), "[secret]") {
		t.Errorf("nothing was logged:\n%s", out.String())
	}
}

func TestOwnership(t *testing.T) {
	in := []byte(text)
	pw := secret.New(in)
	in[0] = 'X'
	if string(pw.Reveal()) != text {
		t.Error("New shares its argument")
	}
	shared, clone := pw, pw.Clone()
	pw.Wipe()
	if !bytes.Equal(shared.Reveal(), make([]byte, len(text))) {
		t.Errorf("a copy survives wiping: %q", shared.Reveal())
	}
	if pw.Empty() {
		t.Error("a wiped password became the empty one")
	}
	if string(clone.Reveal()) != text {
		t.Error("wiping reaches a clone")
	}
}

func TestEqualAndEmpty(t *testing.T) {
	a, b, c := secret.New([]byte("a")), secret.New([]byte("a")), secret.New([]byte("ab"))
	var zero secret.Password
	for _, tc := range []struct {
		name string
		got  bool
		want bool
	}{
		{"same bytes", a.Equal(b), true}, {"other bytes", a.Equal(c), false},
		{"nothing and nothing", zero.Equal(secret.New(nil)), true}, {"nothing and something", zero.Equal(a), false},
		{"zero is empty", zero.Empty(), true}, {"New(nil) is empty", secret.New(nil).Empty(), true},
		{"a is not empty", a.Empty(), false}, {"NUL is not empty", secret.New([]byte{0}).Empty(), false},
	} {
		if tc.got != tc.want {
			t.Errorf("%s: got %v", tc.name, tc.got)
		}
	}
	zero.Wipe() // must not panic
}
