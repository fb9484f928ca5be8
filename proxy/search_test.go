package proxy_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"jamf-ldap-proxy/internal/ber"
	"jamf-ldap-proxy/internal/ldap"
	"jamf-ldap-proxy/internal/lookup"
)

func TestUnbridgedSearchPassesByteForByte(t *testing.T) {
	// An entry as no encoder of ours would write it: long lengths, an unknown
	// tag behind, a control.
	entry := entryBody("CN=Odd, "+usersBase, "JPEGphoto;x", "\x00\xff")
	control := ldap.Control{OID: "1.2.3", HasValue: true, Value: "v"}
	asked := make(chan ldap.Message, 1)
	r := start(t, func(s *setup) {
		s.script = func(c *upstreamConn, m ldap.Message) {
			if m.Op != ldap.OpSearchRequest {
				answer(c, m)
				return
			}
			asked <- m
			c.write(ldap.AppendOperation(nil, m.ID, ldap.OpSearchResultEntry, entry, encodeControls([]ldap.Control{control})))
			c.done(m, ldap.Result{Code: ldap.SizeLimitExceeded, MatchedDN: "dc=com", Diagnostic: "so far"}, control)
		}
	})
	c := r.bound()
	sent := searchRequest(300, userFilter("jon.snow"), manageDsaIT, control)
	c.send(sent)
	entries, done := c.results(300, ldap.SizeLimitExceeded)
	want, _ := ldap.ParseMessage(sent)
	if got := <-asked; !bytes.Equal(got.Tail, want.Tail) {
		t.Errorf("request changed on its way:\n%q\n%q", want.Tail, got.Tail)
	}
	if len(entries) != 1 || !bytes.Equal(entries[0].Body, entry) || !bytes.Contains(entries[0].Controls, []byte("1.2.3")) {
		t.Errorf("entries %q", entries)
	}
	if res := c.check(done, 300, ldap.SizeLimitExceeded); res.MatchedDN != "dc=com" || res.Diagnostic != "so far" || done.Controls == nil {
		t.Errorf("result %+v", res)
	}
}

func TestBridgedGroupSearch(t *testing.T) {
	asked := make(chan ldap.SearchRequest, 1)
	r := start(t, func(s *setup) {
		s.script = func(c *upstreamConn, m ldap.Message) {
			if m.Op != ldap.OpSearchRequest {
				answer(c, m)
				return
			}
			req, _ := decodeSearch(m)
			asked <- req
			c.entry(m, "cn=got,"+usersBase, "objectClass", "posixGroup", "cn", "got", "gidNumber", "7001", "memberUid", "jon.snow")
			c.done(m, ldap.Result{})
		}
	})
	c := r.bound()
	req := request(ldap.And(ldap.Equal("objectClass", "groupOfNames"), ldap.Equal("member", jonDN)))
	req.Attributes = []string{"cn", "gidNumber"}
	c.send(encodeSearch(2, &req, manageDsaIT))
	entries, _ := c.results(2, ldap.Success)
	if got := <-asked; got.Filter.String() != "(&(objectClass=posixGroup)(memberUid=jon.snow))" {
		t.Errorf("upstream was asked %s", got.Filter.String())
	}
	if dn, _ := names(t, entries[0]); dn != "cn=gameOfThrones,"+usersBase {
		t.Errorf("entry %q", dn)
	}
	rec := r.record(lookup.OpSearch, 1)
	if !rec.Bridged || rec.Kind != lookup.KindUserGroups || rec.ClientKind != lookup.ClientJNDI || rec.Entries != 1 ||
		rec.Upstream.Filter != "(&(objectClass=posixGroup)(memberUid=jon.snow))" || rec.Mode != "posix" {
		t.Errorf("record %+v", rec)
	}
	critical := ldap.Control{OID: "1.2.840.113556.1.4.473", Critical: true}
	c.send(encodeSearch(3, &req, critical))
	c.result(3, ldap.UnavailableCriticalExtension)
	c.send(encodeSearch(4, &ldap.SearchRequest{Base: usersBase, Filter: userFilter("x")}, critical))
	<-asked // upstream judges what is not bridged
	c.results(4, ldap.Success)
}

func TestLocalSizeLimitEndsTheSearchUpstream(t *testing.T) {
	r := start(t, func(s *setup) {
		s.script = func(c *upstreamConn, m ldap.Message) {
			if m.Op != ldap.OpSearchRequest {
				answer(c, m)
				return
			}
			for i := range 1000 {
				c.entry(m, fmt.Sprintf("cn=g%d,%s", i, usersBase), "objectClass", "posixGroup", "cn", fmt.Sprintf("g%d", i), "memberUid", "jon.snow")
			}
		}
	})
	c := r.bound()
	req := request(ldap.Or(ldap.Equal("objectClass", "groupOfNames"), ldap.Equal("uid", "jon.snow")))
	req.SizeLimit = 3
	c.send(encodeSearch(2, &req))
	entries, _ := c.results(2, ldap.SizeLimitExceeded)
	if len(entries) != 3 {
		t.Errorf("%d entries", len(entries))
	}
	r.eventually("abandon upstream", func() bool { return r.up.count(ldap.OpAbandonRequest) == 1 })
}

func TestReferencesAreDropped(t *testing.T) {
	r := start(t, func(s *setup) {
		s.script = func(c *upstreamConn, m ldap.Message) {
			if m.Op == ldap.OpSearchRequest {
				c.write(ldap.AppendOperation(nil, m.ID, ldap.OpSearchResultReference, ber.Append(nil, ber.OctetString, "ldap://elsewhere"), nil))
			}
			answer(c, m)
		}
	})
	c := r.bound()
	if entries := c.search(2, userFilter("x"), ldap.Success); len(entries) != 1 || entries[0].Op != ldap.OpSearchResultEntry {
		t.Errorf("%v", entries)
	}
	if r.counts.get("reference") != 1 {
		t.Error("not counted")
	}
}

func TestBrokenUpstreamIsNeverSuccess(t *testing.T) {
	part := func(end script) script {
		return func(c *upstreamConn, m ldap.Message) {
			if m.Op != ldap.OpSearchRequest {
				answer(c, m)
				return
			}
			c.entry(m, jonDN, "uid", "jon.snow")
			end(c, m)
		}
	}
	for name, s := range map[string]script{
		"dies":           part(func(c *upstreamConn, _ ldap.Message) { _ = c.Close() }),
		"foreign ID":     part(func(c *upstreamConn, m ldap.Message) { m.ID += 9; c.done(m, ldap.Result{}) }),
		"wrong response": part(func(c *upstreamConn, m ldap.Message) { m.Op = ldap.OpDelRequest; c.result(m, ldap.Result{}) }),
		"garbage":        part(func(c *upstreamConn, _ ldap.Message) { c.write([]byte("garbage")) }),
		"empty result": part(func(c *upstreamConn, m ldap.Message) {
			c.write(ldap.AppendOperation(nil, m.ID, ldap.OpSearchResultDone, nil, nil))
		}),
		"referral": part(func(c *upstreamConn, m ldap.Message) { c.done(m, ldap.Result{Code: ldap.Referral}) }),
		"giant":    part(func(c *upstreamConn, _ ldap.Message) { c.write([]byte("\x30\x84\x7f\xff\xff\xff")) }),
	} {
		t.Run(name, func(t *testing.T) {
			r := start(t, func(st *setup) { st.script = s })
			c := r.bound()
			c.send(searchRequest(2, userFilter("x")))
			entries, _ := c.results(2, ldap.Unavailable)
			if len(entries) > 1 {
				t.Errorf("%d entries", len(entries))
			}
			if rec := r.record(lookup.OpSearch, 1); rec.Result != 52 || rec.Diagnostic == "" {
				t.Errorf("record %+v", rec)
			}
		})
	}
}

func TestSearchIsRepeatedOnceOverAFreshConnection(t *testing.T) {
	r := start(t, func(s *setup) {
		s.script = func(c *upstreamConn, m ldap.Message) {
			if m.Op == ldap.OpSearchRequest && c.number == 1 {
				_ = c.Close() // as a server that had closed it long ago
				return
			}
			answer(c, m)
		}
	})
	c := r.bound()
	c.search(2, userFilter("x"), ldap.Success)
	if rec := r.record(lookup.OpSearch, 1); rec.Upstream.Reused {
		t.Error("recorded as reused")
	}
	if n := r.up.count(ldap.OpSearchRequest); n != 2 {
		t.Errorf("upstream saw %d searches", n)
	}
}

func TestTimeLimits(t *testing.T) {
	silent := func(s *setup) {
		s.upstream.SearchTimeout = 1500 * time.Millisecond
		s.script = func(c *upstreamConn, m ldap.Message) {
			if m.Op != ldap.OpSearchRequest {
				answer(c, m)
				return
			}
			c.entry(m, jonDN, "uid", "jon.snow")
		}
	}
	for name, seconds := range map[string]int32{"the client's": 1, "upstream.search_timeout": 61} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := start(t, silent)
			c := r.bound()
			req := request(userFilter("x"))
			req.TimeLimit = seconds
			begin := time.Now()
			c.send(encodeSearch(2, &req))
			entries, _ := c.results(2, ldap.TimeLimitExceeded)
			if len(entries) != 1 {
				t.Errorf("%d entries, what arrived in time was lost", len(entries))
			}
			if took := time.Since(begin); seconds == 1 && took > 1400*time.Millisecond {
				t.Errorf("took %v", took)
			}
		})
	}
}

func TestAbandonStopsUpstreamAndNothingLeaks(t *testing.T) {
	r := start(t, func(s *setup) {
		s.script = func(c *upstreamConn, m ldap.Message) {
			req := ldap.SearchRequest{}
			if m.Op == ldap.OpSearchRequest {
				req, _ = decodeSearch(m)
			}
			if req.Filter.Attr != "endless" {
				answer(c, m)
				return
			}
			for i := 0; ; i++ {
				if _, err := c.Write(ldap.AppendOperation(nil, m.ID, ldap.OpSearchResultEntry, entryBody(jonDN, "n", fmt.Sprint(i)), nil)); err != nil {
					return
				}
				select {
				case <-c.gone:
					return
				case <-c.fake.quit:
					return
				default:
				}
			}
		}
	})
	c := r.bound()
	c.send(searchRequest(2, ldap.Present("endless")))
	for range 100 {
		c.receive()
	}
	body := ldap.AppendAbandonRequest(nil, 3, 2)
	c.send(body, searchRequest(4, userFilter("x")))
	for { // what was on its way may still come, the end of it may not
		m := c.receive()
		if m.ID == 4 && m.Op == ldap.OpSearchResultDone {
			break
		}
		if m.ID == 2 && m.Op != ldap.OpSearchResultEntry {
			t.Fatalf("an abandoned search was answered: 0x%02x", byte(m.Op))
		}
	}
	r.eventually("abandon upstream", func() bool { return r.up.count(ldap.OpAbandonRequest) == 1 })
	r.eventually("a record of an unanswered search", func() bool {
		return slices.ContainsFunc(r.records.of(lookup.OpSearch), func(r *lookup.Record) bool { return r.Result == lookup.NoResult })
	})
	c.search(5, userFilter("x"), ldap.Success)
	if rec := r.record(lookup.OpAbandon, 1); rec.Result != lookup.NoResult {
		t.Errorf("abandon has a result: %+v", rec)
	}
}

func TestAbandonOfNothing(t *testing.T) {
	r := start(t)
	c := r.dial()
	withControl := ldap.AppendOperation(nil, 2, ldap.OpAbandonRequest, []byte{9}, encodeControls([]ldap.Control{manageDsaIT}))
	c.send(ldap.AppendAbandonRequest(nil, 1, 77), withControl, bindRequest(3, jamfDN, password))
	c.result(3, ldap.Success)
}

func TestUnbindDuringSearch(t *testing.T) {
	for name, end := range map[string]func(c *client){
		"unbind": func(c *client) {
			c.send(ldap.AppendOperation(nil, 3, ldap.OpUnbindRequest, nil, encodeControls([]ldap.Control{manageDsaIT})))
		},
		"close": func(c *client) { _ = c.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			hold := make(chan struct{})
			defer close(hold)
			r := start(t, func(s *setup) {
				s.script = func(c *upstreamConn, m ldap.Message) {
					if m.Op == ldap.OpSearchRequest {
						c.wait(hold)
					}
					answer(c, m)
				}
			})
			c := r.bound()
			c.send(searchRequest(2, userFilter("x")))
			r.eventually("search upstream", func() bool { return r.up.count(ldap.OpSearchRequest) == 1 })
			end(c)
			r.eventually("end of the session", func() bool { return r.counts.get("disconnected") == 1 })
			r.eventually("abandon upstream", func() bool { return r.up.count(ldap.OpAbandonRequest) == 1 })
			if rec := r.record(lookup.OpSearch, 1); rec.Result != lookup.NoResult {
				t.Errorf("record %+v", rec)
			}
		})
	}
}

func TestOneConnectionServesASequenceOfSearches(t *testing.T) {
	r := start(t)
	c := r.bound()
	for id := range int32(100) {
		c.search(2+id, userFilter("x"), ldap.Success)
	}
	if n := r.up.connections(); n != 1 {
		t.Errorf("%d upstream connections for one client that waits for each answer", n)
	}
}

func TestPasswordsAreMaskedInRecords(t *testing.T) {
	r := start(t, func(s *setup) { s.config.MaskAttributes = []string{"employeeNumber"} })
	c := r.bound()
	c.search(2, ldap.Or(ldap.Equal("userPassword", "hunter2"), ldap.Equal("2.5.4.35", "hunter2"), ldap.Equal("employeenumber;x", "hunter2"), ldap.Equal("cn", "seen")), ldap.Success)
	c.search(3, ldap.Equal("cn", strings.Repeat("long ", 10000)), ldap.Success)
	rec := r.record(lookup.OpSearch, 1)
	if want := "(|(userPassword=***)(2.5.4.35=***)(employeenumber;x=***)(cn=seen))"; rec.Filter != want {
		t.Errorf("filter %s, want %s", rec.Filter, want)
	}
	if n := len(r.record(lookup.OpSearch, 2).Filter); n > 2100 {
		t.Errorf("filter of %d octets in the record", n)
	}
}

func TestStripJava(t *testing.T) {
	body := entryBody(jonDN, "objectClass", "JAVANamingReference", "uid", "jon.snow", "JAVACodeBase", "http://evil/", "JaVaFactory", "x")
	r := start(t, func(s *setup) {
		s.config.Guards = withoutJava(t)
		s.script = func(c *upstreamConn, m ldap.Message) {
			if m.Op == ldap.OpSearchRequest {
				c.write(ldap.AppendOperation(nil, m.ID, ldap.OpSearchResultEntry, body, nil))
			}
			answer(c, m)
		}
	})
	c := r.bound()
	entries := c.search(2, userFilter("x"), ldap.Success)
	if _, attrs := names(t, entries[0]); !slices.Equal(attrs, []string{"objectClass", "uid"}) || bytes.Contains(bytes.ToLower(entries[0].Body), []byte("java")) {
		t.Errorf("entry %q", entries[0].Body)
	}
	if !bytes.Equal(entries[1].Body, entryBody(jonDN, "uid", "jon.snow")) {
		t.Errorf("honest entry changed: %q", entries[1].Body)
	}
}

func TestFallbackToTheBaseThatTheClientNamed(t *testing.T) {
	r := start(t, func(s *setup) {
		s.script = func(c *upstreamConn, m ldap.Message) {
			if m.Op != ldap.OpSearchRequest {
				answer(c, m)
				return
			}
			req, controls := decodeSearch(m)
			if strings.HasPrefix(req.Base, "cn=got,") {
				c.done(m, ldap.Result{Code: ldap.NoSuchObject, MatchedDN: usersBase})
				return
			}
			if len(controls) != 1 || controls[0].OID != ldap.OIDManageDsaIT {
				t.Errorf("fallback to %s with controls %v", req.Base, controls)
			}
			c.entry(m, req.Base, "objectClass", "groupOfNames", "cn", "gameOfThrones")
			c.done(m, ldap.Result{})
		}
	})
	c := r.bound()
	req := request(ldap.Present("objectClass"))
	req.Base, req.Scope = "cn=gameOfThrones,"+usersBase, ldap.ScopeBase
	c.send(encodeSearch(2, &req, manageDsaIT, ldap.PagedResults{Size: 10}.Control(true)))
	entries, done := c.results(2, ldap.Success)
	if len(entries) != 0 {
		t.Errorf("%d entries: a groupOfNames entry is not in the view", len(entries))
	}
	if list, err := ldap.DecodeControls(string(done.Controls), 9); err != nil || len(list) != 1 || list[0].OID != ldap.OIDPagedResults {
		t.Errorf("a client that pages was not told that this is all: %v %v", list, err)
	}
	if n := r.up.connections(); n != 1 {
		t.Errorf("%d upstream connections", n)
	}
}

func TestTimeLimitWhileWaitingForAConnection(t *testing.T) {
	hold := make(chan struct{})
	defer close(hold)
	r := start(t, func(s *setup) {
		s.script = func(c *upstreamConn, m ldap.Message) {
			if c.number > 1 || m.Op == ldap.OpSearchRequest {
				c.wait(hold)
			}
			answer(c, m)
		}
	})
	c := r.bound()
	req := request(userFilter("x"))
	req.TimeLimit = 1
	c.send(searchRequest(2, userFilter("holds the only connection")))
	r.eventually("search upstream", func() bool { return r.up.count(ldap.OpSearchRequest) == 1 })
	c.send(encodeSearch(3, &req))
	c.result(3, ldap.TimeLimitExceeded)
}

func TestIntermediateResponsesPass(t *testing.T) {
	r := start(t, func(s *setup) {
		s.script = func(c *upstreamConn, m ldap.Message) {
			if m.Op == ldap.OpSearchRequest {
				c.write(ldap.AppendOperation(nil, m.ID, ldap.OpIntermediateResponse, ber.Append(nil, ber.Context(0), "1.2.3"), nil))
			}
			answer(c, m)
		}
	})
	entries := r.bound().search(77, userFilter("x"), ldap.Success)
	if len(entries) != 2 || entries[0].Op != ldap.OpIntermediateResponse {
		t.Errorf("%v", entries)
	}
}

func TestTwoIdentitiesNeverMix(t *testing.T) {
	r := start(t, func(s *setup) {
		s.script = func(c *upstreamConn, m ldap.Message) {
			if m.Op == ldap.OpSearchRequest {
				c.entry(m, c.dn, "uid", "whoever asked")
				c.done(m, ldap.Result{})
				return
			}
			answer(c, m)
		}
	})
	var wg sync.WaitGroup
	for i := range 8 {
		dn := fmt.Sprintf("uid=user%d,%s", i%4, usersBase)
		c := r.dial()
		wg.Go(func() {
			for round := range int32(25) {
				if _, err := c.Write(slices.Concat(bindRequest(2*round+1, dn, password), searchRequest(2*round+2, userFilter("x")))); err != nil {
					t.Error(err)
					return
				}
				for range 3 {
					m, err := c.next()
					if err != nil {
						t.Error(err)
						return
					}
					if m.Op == ldap.OpSearchResultEntry && !bytes.Contains(m.Body, []byte(dn)) {
						t.Errorf("%s got an answer made for another: %q", dn, m.Body)
					}
				}
			}
		})
	}
	wg.Wait()
}
