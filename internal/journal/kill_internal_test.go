package journal

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"jamf-ldap-proxy/internal/lookup"
)

// childVariable makes the test binary a program that writes the journal it names.
const childVariable = "TEST_OF_JAMF_LDAP_PROXY_JOURNAL_CHILD"

// writeUntilKilled writes lookups as fast as it can, and tells on standard output
// how many it has handed over ("w 1000") and how many the journal says are stored
// ("s 500").
func writeUntilKilled() {
	out := make(chan string)
	go func() {
		for line := range out {
			fmt.Println(line)
		}
	}()
	stored := 0
	o := Options{Now: func() time.Time { return noon }}
	o.internal.gather = 20 * time.Millisecond
	o.internal.stored = func(n int) {
		stored += n
		out <- "s " + strconv.Itoa(stored)
	}
	o.OnLost = func(n int) { out <- "lost " + strconv.Itoa(n) }
	cfg := DefaultConfig()
	cfg.Path = os.Getenv(childVariable)
	cfg.MaxBytes = 2 << 20
	j := Open(cfg, o)
	for i := 0; ; i++ {
		j.Write(sample(i))
		if i%100 == 99 {
			out <- "w " + strconv.Itoa(i+1)
		}
		if i%1000 == 999 { // batches end by time too, and room is made
			time.Sleep(5 * time.Millisecond)
		}
	}
}

// TestKill kills a writing process again and again. Whatever it said was stored has
// to be there, and the file has to be whole.
func TestKill(t *testing.T) {
	rounds := 20
	if testing.Short() {
		rounds = 5
	}
	cfg := testConfig(t)
	cfg.MaxBytes = 2 << 20
	seed := rand.New(rand.NewPCG(1, 2))
	var written, kept, unkept int
	for round := range rounds {
		before := int64(0)
		if round > 0 {
			before = newest(t, cfg.Path)
		}
		w, s := killAfter(t, cfg.Path, time.Duration(seed.IntN(200))*time.Millisecond)
		db := inspect(t, cfg.Path)
		var verdict string
		if err := db.QueryRow("PRAGMA integrity_check").Scan(&verdict); err != nil || verdict != "ok" {
			t.Fatalf("round %d: integrity_check: %s %v", round, verdict, err)
		}
		db.Close()
		got := int(newest(t, cfg.Path) - before)
		if got < s {
			t.Errorf("round %d: %d lookups were stored, and %d are there", round, s, got)
		}
		// The batch that was being gathered, and the one that was being written.
		if w-got > 2*batchRows {
			t.Errorf("round %d: %d lookups were lost", round, w-got)
		}
		checkSequence(t, cfg.Path, before)
		written, kept, unkept = written+w, kept+got, unkept+max(0, w-got)
	}
	checkHints(t, cfg.Path)
	t.Logf("%d times killed: %d lookups handed over, %d there, %d lost, that is %.0f each time", rounds, written, kept, unkept, float64(unkept)/float64(rounds))
	if kept == 0 {
		t.Error("no round came as far as storing anything")
	}
}

// killAfter starts a writer, kills it some time after its first batch and returns
// how many lookups it had handed over and how many of them it had seen stored.
func killAfter(t *testing.T, path string, pause time.Duration) (written, stored int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), longWait)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0])
	cmd.Env = append(os.Environ(), childVariable+"="+path)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	var killer *time.Timer
	for lines.Scan() {
		name, number, _ := strings.Cut(lines.Text(), " ")
		n, err := strconv.Atoi(number)
		if err != nil || name == "lost" {
			t.Errorf("the writer says %q", lines.Text())
		}
		if name == "w" {
			written = n
			continue
		}
		stored = n
		if killer == nil {
			killer = time.AfterFunc(pause, func() { _ = cmd.Process.Kill() })
		}
	}
	_ = cmd.Wait() // killed
	if killer == nil {
		t.Fatal("the writer ended by itself")
	}
	killer.Stop()
	return written, stored
}

func newest(t *testing.T, path string) int64 {
	t.Helper()
	r, err := OpenReader(path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	n, err := r.Newest(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// checkSequence looks whether the rows after one are the process's lookups 1, 2, 3...
// without a gap.
func checkSequence(t *testing.T, path string, after int64) {
	t.Helper()
	r, err := OpenReader(path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	entries, err := r.After(t.Context(), lookup.Query{}, after, 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	for i, e := range entries {
		if e.Record.ID != uint64(e.Row-after) {
			t.Fatalf("entry %d: row %d after row %d is lookup %d", i, e.Row, after, e.Record.ID)
		}
	}
}
