package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"jamf-ldap-proxy/internal/lookup"
)

// pageClient asks the page of a running proxy.
type pageClient struct {
	base  string
	token string
	http  *http.Client
	notes io.Writer // what is no lookup
	last  string    // number of the latest lookup that was shown
}

const (
	pageConnect = 10 * time.Second // to an answer's first byte, too
	pageSilence = time.Minute      // the proxy gives a sign of life every 15 s
	pageRetry   = 2 * time.Second
)

func newPageClient(address, tokenFile, ca string, notes io.Writer) (*pageClient, error) {
	if u, err := url.Parse(address); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, &usageError{fmt.Errorf("--url %q is not an address of a page", address), "--url http://127.0.0.1:8389"}
	}
	c := &pageClient{base: strings.TrimSuffix(address, "/"), notes: notes}
	transport := &http.Transport{
		DialContext:         (&net.Dialer{Timeout: pageConnect}).DialContext,
		TLSHandshakeTimeout: pageConnect, ResponseHeaderTimeout: pageConnect,
	}
	if ca != "" {
		roots := x509.NewCertPool()
		pem, err := os.ReadFile(ca)
		if err == nil && !roots.AppendCertsFromPEM(pem) {
			err = fmt.Errorf("%s holds no PEM certificate", ca)
		}
		if err != nil {
			return nil, &usageError{fmt.Errorf("reading --ca: %w", err), "name a PEM file"}
		}
		transport.TLSClientConfig = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	}
	if tokenFile != "" {
		token, err := os.ReadFile(tokenFile)
		if err != nil {
			return nil, &usageError{fmt.Errorf("reading --token-file: %w", err), ""}
		}
		c.token = strings.TrimSpace(string(token))
	}
	c.http = &http.Client{Transport: transport}
	return c, nil
}

func (c *pageClient) close() { c.http.CloseIdleConnections() }

func (c *pageClient) get(ctx context.Context, path string, values url.Values) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+path+"?"+values.Encode(), nil)
	if err != nil {
		return nil, err
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	answer, err := c.http.Do(req)
	if err != nil {
		return nil, &usageError{fmt.Errorf("asking the proxy: %w", err),
			"is it running, with its page at " + c.base + "? --config, --journal or --url say where to look"}
	}
	if answer.StatusCode == http.StatusOK {
		return answer, nil
	}
	defer answer.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(answer.Body, 500))
	err = fmt.Errorf("asking the proxy at %s: %s: %s", c.base, answer.Status, strings.TrimSpace(lookup.Clip(string(text), 500)))
	if answer.StatusCode == http.StatusUnauthorized {
		return nil, &usageError{err, "--token-file with the token of web.token_file"}
	}
	return nil, err
}

func (c *pageClient) latest(ctx context.Context, q lookup.Query, limit int) ([]*lookup.Record, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	// Asked first, so that nothing falls between this answer and what follows.
	newest, err := c.lookups(ctx, lookup.Query{}, 1)
	if err != nil {
		return nil, err
	}
	c.last = "0"
	if len(newest) > 0 {
		c.last = strconv.FormatUint(newest[0].ID, 10)
	}
	if limit == 0 {
		return nil, nil
	}
	records, err := c.lookups(ctx, q, limit)
	slices.Reverse(records)
	if n := len(records); n > 0 && len(newest) > 0 && records[n-1].ID > newest[0].ID {
		c.last = strconv.FormatUint(records[n-1].ID, 10)
	}
	return records, err
}

// lookups returns the newest first.
func (c *pageClient) lookups(ctx context.Context, q lookup.Query, limit int) ([]*lookup.Record, error) {
	answer, err := c.get(ctx, "/api/lookups", url.Values{"q": {q.String()}, "limit": {strconv.Itoa(limit)}})
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	var body struct{ Lookups []*lookup.Record }
	if err := json.NewDecoder(answer.Body).Decode(&body); err != nil {
		return nil, fmt.Errorf("reading the answer of %s: %w", c.base, err)
	}
	return body.Lookups, nil
}

// follow connects again when the proxy goes away, as it does for an update.
func (c *pageClient) follow(ctx context.Context, q lookup.Query, show func(*lookup.Record) error) error {
	for {
		err := c.stream(ctx, q, show)
		var shown *showError
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.As(err, &shown):
			return shown.err
		}
		fmt.Fprintf(c.notes, "connection to %s lost (%v), trying again\n", c.base, err)
		select {
		case <-time.After(pageRetry):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// showError is not the proxy's fault.
type showError struct{ err error }

func (e *showError) Error() string { return e.err.Error() }

// stream reads server-sent events until something goes wrong.
func (c *pageClient) stream(ctx context.Context, q lookup.Query, show func(*lookup.Record) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	silence := time.AfterFunc(pageSilence, func() { cancel(errors.New("no sign of life")) })
	defer silence.Stop()
	answer, err := c.get(ctx, "/api/stream", url.Values{"q": {q.String()}, "after": {c.last}})
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	lines := bufio.NewScanner(answer.Body)
	lines.Buffer(nil, 64<<20)
	var event, id string
	for lines.Scan() {
		silence.Reset(pageSilence)
		name, value, _ := strings.Cut(lines.Text(), ": ")
		switch name {
		case "event":
			event = value
		case "id":
			id = value
		case "data":
			if event == "missed" {
				fmt.Fprintf(c.notes, "%s lookups came too fast to be shown\n", value)
				continue
			}
			if err := showAll(value, show); err != nil {
				return err
			}
			c.last = id
		}
	}
	return errors.Join(lines.Err(), io.ErrUnexpectedEOF)
}

func showAll(list string, show func(*lookup.Record) error) error {
	var records []*lookup.Record
	if err := json.Unmarshal([]byte(list), &records); err != nil {
		return fmt.Errorf("reading lookups: %w", err)
	}
	for _, r := range records {
		if err := show(r); err != nil {
			return &showError{err}
		}
	}
	return nil
}
