package dial

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"jamf-ldap-proxy/internal/certs"
)

// startTLS asks for the switch to TLS, and takes nothing that came before it.
func startTLS(ctx context.Context, conn net.Conn) error {
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	behind, err := certs.AskStartTLS(conn)
	switch {
	case errors.Is(err, io.EOF):
		return fmt.Errorf("the server hangs up: %w", err)
	case err != nil:
		return err
	case behind > 0:
		// It came in clear text and would be read as if it had come encrypted.
		return errors.New("the server sends data between its answer and the handshake")
	}
	return nil
}
