package test

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	goldap "github.com/go-ldap/ldap/v3"
)

// What many clients do at once, or one does very often. Each test has a witness;
// see siege_test.go.

// brief is a connection to the proxy for one thing: it writes, reads all that
// comes, and closes.
func brief(address string, wait time.Duration, pieces ...[]byte) (got []byte, err error) {
	conn, err := net.DialTimeout("tcp", address, patience)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(wait))
	for _, piece := range pieces {
		if _, err := conn.Write(piece); err != nil {
			break // it hangs up at the first octets of some
		}
	}
	got, err = io.ReadAll(conn)
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		return got, fmt.Errorf("still open after %v", wait)
	}
	return got, nil // a reset is an end, too
}

// dialogue is a session in which every answer follows from the octets alone.
func dialogue(t testing.TB) (sent []byte, answers []int64) {
	group := search("(&(objectClass=groupOfNames)(cn=gameOfThrones))", "cn").wire(t)
	return slices.Concat(
		message(1, bindOp(3, service, password)),
		message(2, group),
		message(3, compareOp(groupDN("gameOfThrones"), "member", userDN("jon.snow"))),
		message(4, whoAmIOp()),
		message(5, tlv(opAbandon, []byte{99})),
		message(6, group),
	), []int64{1, 2, 3, 4, 6}
}

// converse sends a dialogue in pieces and reads until everything is answered.
func converse(address string, want []int64, pieces ...[]byte) error {
	conn, err := net.DialTimeout("tcp", address, patience)
	if err != nil {
		return err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(2 * patience))
	for _, piece := range pieces {
		if _, err := conn.Write(piece); err != nil {
			return err
		}
	}
	in := bufio.NewReader(conn)
	codes, entries := map[int64]int{}, map[int64]int{}
	for len(codes) < len(want) {
		raw, err := readPacket(in)
		if err != nil {
			return fmt.Errorf("after %v: %w", codes, err)
		}
		m, err := parsePacket(raw)
		if err != nil {
			return err
		}
		if m.op.tag == opEntry {
			entries[m.id]++
			continue
		}
		if _, twice := codes[m.id]; twice || !slices.Contains(want, m.id) {
			return fmt.Errorf("message %d was answered behind %v", m.id, codes)
		}
		code, _, text := m.result()
		if code != 0 && code != goldap.LDAPResultCompareTrue {
			return fmt.Errorf("message %d: %d %s", m.id, code, text)
		}
		codes[m.id] = code
	}
	if entries[2] != 1 || entries[6] != 1 {
		return fmt.Errorf("entries %v, want one for each search", entries)
	}
	return nil
}

func TestCrowdOfPieces(t *testing.T) {
	t.Parallel()
	p := besiege(t, settings{servers: []string{embedded(t).url()}, limits: yamlMap{"partial_pdu": "2s"}})
	sent, answers := dialogue(t)
	t.Run("every first octet", func(t *testing.T) {
		atOnce(t, 16, 256, func(i int) error {
			got, err := brief(p.ldap, 2*patience, []byte{byte(i)})
			if err != nil {
				return err
			}
			if i != 0x16 && len(got) == 0 { // who speaks TLS cannot read a notice
				return errors.New("the connection ended without a word")
			}
			return nil
		})
	})
	t.Run("all in one segment", func(t *testing.T) {
		if err := converse(p.ldap, answers, sent); err != nil {
			t.Error(err)
		}
	})
	t.Run("one octet at a time", func(t *testing.T) {
		if err := converse(p.ldap, answers, slices.Collect(slices.Chunk(sent, 1))...); err != nil {
			t.Error(err)
		}
	})
	t.Run("cut at every octet", func(t *testing.T) {
		atOnce(t, 8, len(sent), func(cut int) error {
			return converse(p.ldap, answers, sent[:cut], sent[cut:])
		})
	})
	t.Run("given up at every octet", func(t *testing.T) {
		atOnce(t, 8, len(sent), func(cut int) error {
			conn, err := net.DialTimeout("tcp", p.ldap, patience)
			if err != nil {
				return err
			}
			_, err = conn.Write(sent[:cut])
			return errors.Join(err, conn.Close())
		})
	})
}

// clientHello is what a real client begins a handshake with.
func clientHello(t testing.TB) []byte {
	t.Helper()
	near, far := net.Pipe()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		tls.Client(near, clientTLS(t)).Handshake()
	}()
	defer func() { near.Close(); <-ended }()
	defer far.Close()
	far.SetDeadline(time.Now().Add(patience))
	head := make([]byte, 5)
	if _, err := io.ReadFull(far, head); err != nil {
		t.Fatal(err)
	}
	body := make([]byte, int(head[3])<<8|int(head[4]))
	if _, err := io.ReadFull(far, body); err != nil {
		t.Fatal(err)
	}
	return append(head, body...)
}

// Those who begin something and do not end it: by the hundred, each by its own
// clock.
func TestAttackA13SlowClients(t *testing.T) {
	t.Parallel()
	p := besiege(t, settings{servers: []string{embedded(t).url()}, listenerTLS: true, plain: true,
		limits: yamlMap{"partial_pdu": "3s", "tls_handshake": "3s", "connections_per_address": 2000}})
	before := residentMemory(t, p)
	hello := clientHello(t)
	half := message(1, bindOp(3, service, password))[:20]
	var slow sync.WaitGroup
	hold := func(address string, n int, pieces func(i int) [][]byte, every time.Duration, notice bool) {
		for i := range n {
			slow.Add(1)
			go func() {
				defer slow.Done()
				conn, err := net.DialTimeout("tcp", address, patience)
				if err != nil {
					t.Error(err)
					return
				}
				defer conn.Close()
				conn.SetDeadline(time.Now().Add(3 * patience))
				slow.Add(1)
				go func() {
					defer slow.Done()
					for _, piece := range pieces(i) {
						if _, err := conn.Write(piece); err != nil {
							return
						}
						time.Sleep(every)
					}
				}()
				got, err := io.ReadAll(conn)
				var timeout net.Error
				if errors.As(err, &timeout) && timeout.Timeout() {
					t.Errorf("client %d of %s is still connected after %v", i, address, 3*patience)
				}
				if notice && !bytes.Contains(got, []byte("limits.partial_pdu")) {
					t.Errorf("client %d was told % x", i, got)
				}
			}()
		}
	}
	one := func(b []byte) func(int) [][]byte { return func(int) [][]byte { return [][]byte{b} } }
	hold(p.ldap, 300, one(half), 0, true)
	hold(p.ldap, 200, func(int) [][]byte { return slices.Collect(slices.Chunk(half, 1)) }, time.Second, false) // Slowloris
	hold(p.ldaps, len(hello), func(i int) [][]byte { return [][]byte{hello[:i]} }, 0, false)
	hold(p.ldaps, 100, func(int) [][]byte { return slices.Collect(slices.Chunk(hello, 1)) }, time.Second, false)
	all := 600 + len(hello)
	eventually(t, "all are connected, or some gone already", func() error {
		f := p.footprint()
		if f.clients < all/2 {
			return fmt.Errorf("%d of %d", f.clients, all)
		}
		t.Logf("%d slow clients cost %d KiB each", f.clients, (f.resident-before)/f.clients>>10)
		return nil
	})
	slow.Wait()
	for _, knob := range []string{"limits.partial_pdu", "limits.tls_handshake"} {
		if !strings.Contains(p.log(), knob) {
			t.Errorf("the log does not name %s", knob)
		}
	}
}

// Ten thousand questions before the first answer is read: each is answered once,
// those that are served one after the other in order, and memory stays bounded.
func TestCrowdOfRequests(t *testing.T) {
	t.Parallel()
	p := besiege(t, settings{servers: []string{embedded(t).url()}, plain: true})
	before := residentMemory(t, p)
	w := p.session()
	const n = 10_000
	questions := [][]byte{
		whoAmIOp(),
		search("(&(objectClass=groupOfNames)(cn=gameOfThrones))", "cn").wire(t),
		compareOp(groupDN("gameOfThrones"), "member", userDN("jon.snow")),
		search("(uid=jon.snow)", "uid").wire(t),
	}
	var all []byte
	for i := range int64(n) {
		all = append(all, message(100+i, questions[i%4])...)
	}
	written := make(chan error, 1)
	go func() {
		w.conn.SetWriteDeadline(time.Now().Add(10 * patience))
		_, err := w.conn.Write(all)
		written <- err
	}()
	time.Sleep(500 * time.Millisecond) // so that the proxy's buffers fill
	results := map[int64]bool{}
	last := int64(0)
	for began := time.Now(); len(results) < n; {
		m, err := w.tryReceive(patience)
		if err != nil {
			t.Fatalf("after %d results and %v: %v", len(results), time.Since(began), err)
		}
		if m.op.tag == opEntry {
			continue
		}
		if code, _, text := m.result(); code != 0 && code != goldap.LDAPResultCompareTrue {
			t.Fatalf("message %d: %d %s", m.id, code, text)
		}
		if results[m.id] {
			t.Fatalf("message %d was answered twice", m.id)
		}
		results[m.id] = true
		if m.op.tag == opExtendedResp {
			if m.id < last {
				t.Errorf("message %d was answered after %d", m.id, last)
			}
			last = m.id
		}
	}
	if err := <-written; err != nil {
		t.Error(err)
	}
	if grown := peakMemory(t, p) - before; grown > 48<<20 {
		t.Errorf("memory grew by %d MiB", grown>>20)
	} else {
		t.Logf("memory grew by %d KiB at the most", grown>>10)
	}
}

// Thousands of connections from one address: as many as limits.connections_per_address
// are served, the others are told why, and all that were there before go on.
func TestCrowdOfConnections(t *testing.T) {
	t.Parallel()
	p := besiege(t, settings{servers: []string{embedded(t).url()}, plain: true, limits: yamlMap{"connections_per_address": 300, "connections": 310}})
	var (
		mu           sync.Mutex
		told, silent int
	)
	var held []net.Conn
	t.Cleanup(func() {
		for _, c := range held {
			c.Close()
		}
	})
	atOnce(t, 16, 3000, func(int) error {
		conn, err := net.DialTimeout("tcp", p.ldap, patience)
		if err != nil {
			return err
		}
		conn.SetDeadline(time.Now().Add(patience))
		if _, err := conn.Write(message(1, whoAmIOp())); err != nil {
			conn.Close()
			mu.Lock()
			defer mu.Unlock()
			silent++
			return nil
		}
		head := make([]byte, 512)
		got, _ := conn.Read(head)
		mu.Lock()
		defer mu.Unlock()
		switch answer := head[:got]; {
		case bytes.Contains(answer, []byte("limits.connections_per_address")):
			told++
		case got > 0 && bytes.HasPrefix(answer[2:], integer(1)):
			held = append(held, conn)
			return nil
		default:
			silent++ // when many are turned away at a time, the later ones are cut
		}
		return conn.Close()
	})
	t.Logf("%d served, %d told why not, %d cut", len(held), told, silent)
	if len(held) != 299 || told == 0 || len(held)+told+silent != 3000 {
		t.Errorf("%d served, want 299 beside the witness; %d told, %d cut", len(held), told, silent)
	}
	if refused := p.counted(`client_connections_total{outcome="refused_per_address"}`); refused != fmt.Sprint(told+silent) {
		t.Errorf("refused_per_address is %s, want %d", refused, told+silent)
	}
	p.awaitRecord("the knob", func(r record) bool { return strings.Contains(r.text("msg"), "limits.connections_per_address") })
	for _, c := range held {
		c.Close()
	}
	eventually(t, "places are free again", func() error {
		got, err := brief(p.ldap, patience, message(1, whoAmIOp()), message(2, tlv(opUnbind)))
		if err == nil && !bytes.HasPrefix(got, []byte{0x30}) || bytes.Contains(got, []byte("limits.")) {
			err = fmt.Errorf("answered % x", got)
		}
		return err
	})
}

// Connections that are reset as soon as they are there, with and without a word.
func TestCrowdOfResets(t *testing.T) {
	t.Parallel()
	p := besiege(t, settings{servers: []string{embedded(t).url()}, listenerTLS: true, limits: yamlMap{"connections_per_address": 2000}})
	hello := clientHello(t)
	for _, c := range []struct {
		address string
		say     []byte
	}{{p.ldap, nil}, {p.ldap, message(1, bindOp(3, endUser, password))}, {p.ldaps, nil}, {p.ldaps, hello}, {p.ldaps, hello[:50]}} {
		atOnce(t, 8, 500, func(int) error {
			conn, err := net.DialTimeout("tcp", c.address, patience)
			if err != nil {
				return err
			}
			conn.(*net.TCPConn).SetLinger(0)
			_, err = conn.Write(c.say)
			return errors.Join(err, conn.Close())
		})
	}
	p.session()
}

// Logins under thousands of made-up names: each is asked of upstream, as it has
// to be, and what is remembered of them is little; TestBackoffTableIsBounded has
// more names than there is room for.
func TestCrowdOfNames(t *testing.T) {
	t.Parallel()
	p := besiege(t, settings{servers: []string{embedded(t).url()}, plain: true})
	before := p.footprint()
	const sessions, each = 10, 420
	atOnce(t, sessions, sessions, func(i int) error {
		conn, err := net.DialTimeout("tcp", p.ldap, patience)
		if err != nil {
			return err
		}
		defer conn.Close()
		w := &wire{t: t, conn: conn, r: bufio.NewReader(conn)}
		for n := range each {
			w.id++
			conn.SetDeadline(time.Now().Add(2 * patience))
			if _, err := conn.Write(message(w.id, bindOp(3, fmt.Sprintf("uid=nobody-%d-%d%s,%s", i, n, strings.Repeat("x", 500), usersBase), "x"))); err != nil {
				return err
			}
			m, err := w.tryReceive(2 * patience)
			if err != nil {
				return err
			}
			if code, _, text := m.result(); code != goldap.LDAPResultInvalidCredentials {
				return fmt.Errorf("name %d: %d %s, want 49", n, code, text)
			}
		}
		return nil
	})
	t.Logf("after %d names: %v; before: %v", sessions*each, p.footprint(), before)
}

// What a stranger can make the proxy hold: everything but the last octet of the
// largest message, or of a large TLS handshake, a thousand times.
func TestCrowdOfStrangers(t *testing.T) {
	t.Parallel()
	const strangers = 1000
	for _, c := range []struct {
		what  string
		most  int // KiB for each
		ldaps bool
		say   []byte
	}{
		{"a header that claims 200 KiB", 32, false, []byte{0x30, 0x83, 0x03, 0x20, 0x00}},
		{"200 KiB", 32, false, append([]byte{0x30, 0x83, 0x03, 0x20, 0x00}, make([]byte, 200<<10)...)},
		{"all but one octet of 8 KiB", 40, false, message(1, bindOp(3, strings.Repeat("x", 8100), "x"))[:8000]},
		{"15 KiB of a handshake", 72, true, halfHandshake(15 << 10)},
		{"60 KiB of a handshake", 72, true, halfHandshake(60 << 10)},
	} {
		t.Run(c.what, func(t *testing.T) {
			p := besiege(t, settings{servers: []string{embedded(t).url()}, plain: true, listenerTLS: c.ldaps, limits: yamlMap{"connections_per_address": 2000}})
			before := residentMemory(t, p)
			address := p.ldap
			if c.ldaps {
				address = p.ldaps
			}
			all := dialAll(t, address, strangers)
			for _, conn := range all {
				conn.SetWriteDeadline(time.Now().Add(patience))
				conn.Write(c.say) // some are cut off while they write
			}
			time.Sleep(300 * time.Millisecond)
			grown := peakMemory(t, p) - before
			t.Logf("%d connections: %.1f KiB each at the most", strangers, float64(grown)/strangers/1024)
			if grown > strangers*c.most<<10+16<<20 {
				t.Errorf("%d KiB each", grown/strangers>>10)
			}
			for _, conn := range all {
				conn.Close()
			}
		})
	}
}

// halfHandshake is the beginning of a ClientHello of 64 KiB, in TLS records.
func halfHandshake(n int) []byte {
	body := append([]byte{1, 0, 0xff, 0xf0, 3, 3}, make([]byte, n)...)
	var out []byte
	for part := range slices.Chunk(body, 1<<14) {
		out = append(append(out, 22, 3, 1, byte(len(part)>>8), byte(len(part))), part...)
	}
	return out
}
