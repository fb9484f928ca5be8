package test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// browser is a headless Chromium with one tab.
type browser struct {
	t   testing.TB
	ctx context.Context
	url string // of the page under test

	mu         sync.Mutex
	complaints []string // errors of the console
}

// browse opens a browser that ends with the test. Whatever the page's scripts or
// its content security policy complain about fails the test.
func browse(t testing.TB, url string) *browser {
	t.Helper()
	need(t, "chromium")
	ctx, endAll := context.WithTimeout(context.Background(), 3*time.Minute)
	ctx, endTab := chromedp.NewContext(ctx, chromedp.WithAllocatorOptions(
		chromedp.ExecPath(findProgram("chromium")), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.WindowSize(1280, 800), chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true)))
	b := &browser{t: t, ctx: ctx, url: url}
	t.Cleanup(func() {
		b.mu.Lock()
		for _, c := range b.complaints {
			t.Errorf("the browser complains: %s", c)
		}
		b.mu.Unlock()
		endTab()
		endAll()
	})
	if err := chromedp.Listen(ctx, b.listen); err != nil {
		t.Fatalf("starting the browser: %v", err)
	}
	b.do("starting the browser", chromedp.Navigate("about:blank"))
	return b
}

// listen notes errors of scripts, of loading and of the content security policy.
func (b *browser) listen(event any) {
	var text string
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		text = e.ExceptionDetails.Text
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeWarning {
			text = fmt.Sprint("console: ", len(e.Args), " arguments: ", string(e.Args[0].Value))
		}
	case *cdplog.EventEntryAdded:
		if e.Entry.Level == cdplog.EntryLevelError {
			text = e.Entry.Text + " " + e.Entry.URL
		}
	}
	if text == "" {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.complaints = append(b.complaints, text)
}

// forgive forgets complaints that a test has caused on purpose.
func (b *browser) forgive(part string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	kept := b.complaints[:0]
	for _, c := range b.complaints {
		if !strings.Contains(c, part) {
			kept = append(kept, c)
		}
	}
	b.complaints = kept
}

// step is something done in the browser.
type step = chromedp.Action[chromedp.Void]

func (b *browser) do(what string, steps ...step) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, steps...); err != nil {
		b.picture("failed")
		b.t.Fatalf("%s: %v", what, err)
	}
}

func (b *browser) open(path string) {
	b.t.Helper()
	b.do("opening "+path, chromedp.Navigate(b.url+path), chromedp.WaitReady(chromedp.CSS("main")))
}

// eval returns what an expression of JavaScript gives.
func eval[T any](b *browser, expression string) T {
	b.t.Helper()
	result, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		b.picture("failed")
		b.t.Fatalf("evaluating %s: %v", expression, err)
	}
	return result
}

// text is what a person sees of the elements that a selector finds.
func (b *browser) text(selector string) string {
	b.t.Helper()
	return eval[string](b, fmt.Sprintf("[...document.querySelectorAll(%q)].filter(e => e.checkVisibility()).map(e => e.innerText).join('\\n')", selector))
}

// await waits until an element shows a text, or all of them.
func (b *browser) await(selector string, texts ...string) {
	b.t.Helper()
	eventually(b.t, fmt.Sprintf("%s shows %q", selector, texts), func() error {
		got := b.text(selector)
		for _, want := range texts {
			if !strings.Contains(got, want) {
				return fmt.Errorf("%q is not in %q", want, got)
			}
		}
		return nil
	})
}

// awaitGone waits until a text does not show any more.
func (b *browser) awaitGone(selector, text string) {
	b.t.Helper()
	eventually(b.t, fmt.Sprintf("%s does not show %q", selector, text), func() error {
		if got := b.text(selector); strings.Contains(got, text) {
			return fmt.Errorf("it shows %q", got)
		}
		return nil
	})
}

func (b *browser) click(selector string) {
	b.t.Helper()
	b.do("clicking "+selector, chromedp.Click(chromedp.CSS(selector)))
}

// fill replaces what is in a field.
func (b *browser) fill(selector, text string) {
	b.t.Helper()
	eval[bool](b, fmt.Sprintf("(e => { e.focus(); e.select(); return true })(document.querySelector(%q))", selector))
	b.do("emptying "+selector, chromedp.KeyEvent("\b"))
	if text != "" {
		b.do("typing into "+selector, chromedp.SendKeys(chromedp.CSS(selector), text))
	}
}

func (b *browser) press(key string) { b.t.Helper(); b.do("pressing "+key, chromedp.KeyEvent(key)) }

// picture leaves a screenshot among the artifacts of the test, for people: `go
// test -artifacts` keeps them.
func (b *browser) picture(name string) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, 20*time.Second)
	defer cancel()
	png, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	if err != nil {
		b.t.Logf("no picture %s: %v", name, err)
		return
	}
	if err := os.WriteFile(filepath.Join(b.t.ArtifactDir(), name+".png"), png, 0o644); err != nil {
		b.t.Logf("no picture %s: %v", name, err)
	}
}
