package main

import (
	"context"
	"errors"
	"sync"

	"jamf-ldap-proxy/internal/config"
	"jamf-ldap-proxy/internal/discovery"
	"jamf-ldap-proxy/internal/ldap"
	"jamf-ldap-proxy/internal/upstream"
	"jamf-ldap-proxy/rewrite"
)

// discovering keeps the table of pairs in step with the directory while the
// service runs. All methods of a nil one do nothing: nothing is discovered.
type discovering struct {
	refresher *discovery.Refresher
	account   *upstream.Identity
	end       context.CancelFunc
	running   sync.WaitGroup
}

// newDiscovering returns nil when the configuration does not ask for discovery,
// or bridges nothing that needs pairs.
func newDiscovering(s *service, st *state) *discovering {
	groups := st.cfg.Groups
	if !groups.Discover.Enabled || groups.Mode == rewrite.ModeOff {
		return nil
	}
	source := accountSource(st.cfg, st.pool)
	hashed := st.cfg.Log.Privacy == "hash"
	if hashed {
		source.Account = "the user of upstream.service_account"
	}
	return &discovering{
		account: source.Identity,
		refresher: discovery.NewRefresher(discovery.Options{
			Read: s.doubting(source), Configured: groups.Pairs, Every: groups.Discover.Every, Table: s.table,
			Metrics: s.metrics, Logger: s.log, NoNames: hashed,
		}),
	}
}

// doubting reads from source, and has a password that is remembered for binds
// forgotten when upstream refuses the account.
func (s *service) doubting(source *discovery.Source) func(context.Context) (discovery.Groups, error) {
	return func(ctx context.Context) (discovery.Groups, error) {
		groups, err := source.Read(ctx)
		var refused *upstream.Error
		if errors.As(err, &refused) && refused.BindCode == ldap.InvalidCredentials {
			s.state().binds.Doubt(source.Identity.DN())
		}
		return groups, err
	}
}

// accountSource reads groups as upstream.service_account.
func accountSource(cfg config.Config, pool *upstream.Pool) *discovery.Source {
	account := cfg.Upstream.ServiceAccount
	return &discovery.Source{
		Pool: pool, Identity: upstream.NewIdentity(account.DN, account.Password),
		Base: cfg.Upstream.Base, Class: cfg.Groups.LegacyClass,
		Account: account.DN, Knob: "upstream.service_account",
	}
}

// follow begins with what the one before has found, in place of nothing.
func (d *discovering) follow(before *discovering) {
	if d != nil && before != nil {
		d.refresher.Continue(before.refresher)
	}
}

func (d *discovering) start() {
	if d == nil {
		return
	}
	var ctx context.Context
	ctx, d.end = context.WithCancel(context.Background())
	d.running.Go(func() { d.refresher.Run(ctx) })
}

// ready returns why the service should not get clients yet: for a moment after
// the start, until the pairs are known or known to be out of reach.
func (d *discovering) ready() error {
	if d == nil {
		return nil
	}
	return d.refresher.Ready()
}

// status returns how discovery goes; there is nothing to say of one that is off.
func (d *discovering) status() discovery.Status {
	if d == nil {
		return discovery.Status{}
	}
	return d.refresher.Status()
}

// stop ends what start began, and waits for it.
func (d *discovering) stop() {
	if d == nil {
		return
	}
	if d.end != nil {
		d.end()
	}
	d.running.Wait()
	d.account.Forget()
}
