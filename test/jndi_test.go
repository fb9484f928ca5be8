package test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// javaMachine is one Java process for the whole run that does JNDI operations
// on demand; see jndi/JndiClient.java for the line protocol.
type javaMachine struct {
	last atomic.Int64 // of context names

	mu      sync.Mutex
	in      io.WriteCloser
	next    int
	waiting map[int]chan answer
	ended   error // why no more answers will come
	stderr  transcript
}

var java struct {
	sync.Once
	vm  *javaMachine
	err error
}

func startedJava(t testing.TB) *javaMachine {
	t.Helper()
	need(t, "java", "javac")
	java.Do(func() { java.vm, java.err = newJava(pki(t)) })
	if java.err != nil {
		t.Fatalf("JNDI client: %v", java.err)
	}
	return java.vm
}

func newJava(keys *authority) (*javaMachine, error) {
	classes := filepath.Join(workDir, "classes")
	if out, err := exec.Command(findProgram("javac"), "-d", classes, "jndi/JndiClient.java").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("javac: %w\n%s", err, out)
	}
	cmd := exec.Command(findProgram("java"), "-Xmx128m", "-XX:+UseSerialGC", "-cp", classes, "JndiClient", keys.caPEM)
	dieWithUs(cmd)
	vm := &javaMachine{waiting: map[int]chan answer{}}
	cmd.Stderr = &vm.stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if vm.in, err = cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		vm.read(out)
		cmd.Wait()
	}()
	atExit(func() {
		vm.in.Close() // main returns at the end of its input
		select {
		case <-done:
		case <-time.After(patience):
			cmd.Process.Kill()
			<-done
		}
	})
	return vm, nil
}

func (vm *javaMachine) read(out io.Reader) {
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		id, a, err := parseAnswer(lines.Text())
		if err != nil {
			vm.fail(err)
			return
		}
		vm.mu.Lock()
		to := vm.waiting[id]
		delete(vm.waiting, id)
		vm.mu.Unlock()
		if to != nil {
			to <- a
		}
	}
	vm.fail(errors.New("the Java process has ended"))
}

func (vm *javaMachine) fail(err error) {
	vm.mu.Lock()
	defer vm.mu.Unlock()
	vm.ended = err
	for id, to := range vm.waiting {
		delete(vm.waiting, id)
		to <- answer{Code: -1, Text: err.Error()}
	}
}

// do runs one operation and waits for its answer. Code -1 is a failure that
// has no LDAP result code; Text then names the Java exception.
func (vm *javaMachine) do(operation string, args ...string) answer {
	vm.mu.Lock()
	if vm.ended != nil {
		defer vm.mu.Unlock()
		return answer{Code: -1, Text: vm.ended.Error() + "\n" + vm.stderr.String()}
	}
	vm.next++
	id, reply := vm.next, make(chan answer, 1)
	vm.waiting[id] = reply
	fields := []string{strconv.Itoa(id), operation}
	for _, a := range args {
		fields = append(fields, url.QueryEscape(a))
	}
	io.WriteString(vm.in, strings.Join(fields, "\t")+"\n")
	vm.mu.Unlock()
	select {
	case a := <-reply:
		return a
	case <-time.After(4 * patience):
		return answer{Code: -1, Text: fmt.Sprintf("no answer of the Java process within %v\n%s", 4*patience, vm.stderr.String())}
	}
}

func parseAnswer(line string) (id int, a answer, err error) {
	bad := func() (int, answer, error) {
		return 0, answer{}, fmt.Errorf("cannot read the line %q of the Java process", line)
	}
	fields := strings.Split(line, "\t")
	if len(fields) < 3 {
		return bad()
	}
	if id, err = strconv.Atoi(fields[0]); err != nil {
		return bad()
	}
	if a.Code, err = strconv.Atoi(fields[1]); err != nil {
		return bad()
	}
	var words []string
	for _, f := range fields[2:] {
		w, err := url.QueryUnescape(f)
		if err != nil {
			return bad()
		}
		words = append(words, w)
	}
	a.Text = words[0]
	var attribute string
	for rest := words[1:]; len(rest) >= 2; rest = rest[2:] {
		switch kind, text := rest[0], rest[1]; kind {
		case "entry":
			a.Entries = append(a.Entries, entry{text, map[string][]string{}})
		case "attribute":
			attribute = text
			a.Entries[len(a.Entries)-1].Attrs[attribute] = []string{}
		case "value":
			attrs := a.Entries[len(a.Entries)-1].Attrs
			attrs[attribute] = append(attrs[attribute], text)
		default:
			return bad()
		}
	}
	return id, a, nil
}
