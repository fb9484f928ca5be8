package dial

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"jamf-ldap-proxy/internal/ldap"
)

// startTLS asks for the switch to TLS, RFC 4511 section 4.14.
func startTLS(ctx context.Context, conn net.Conn) error {
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	const id, limit = 1, 64 << 10 // an answer of one line
	body := ldap.AppendExtendedRequest(nil, ldap.OIDStartTLS)
	if _, err := conn.Write(ldap.AppendOperation(nil, id, ldap.OpExtendedRequest, body, nil)); err != nil {
		return err
	}
	framer := ldap.NewFramer(conn)
	frame, err := framer.Next(limit, nil)
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("the server hangs up: %w", err)
	}
	if err != nil {
		return err
	}
	m, err := ldap.ParseMessage(frame)
	switch {
	case err != nil:
		return err
	case m.ID != id || m.Op != ldap.OpExtendedResponse:
		return errors.New("the server answers something else")
	}
	result, _, err := ldap.DecodeResult(m.Body)
	switch {
	case err != nil:
		return err
	case result.Code != ldap.Success:
		return fmt.Errorf("the server refuses: %v (%d) %s", result.Code, int32(result.Code), result.Diagnostic)
	case framer.Buffered() > 0:
		// It came in clear text and would be read as if it had come encrypted.
		return errors.New("the server sends data between its answer and the handshake")
	}
	return nil
}
