# A static binary on an empty image, as a user that is not root.
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -ldflags="-s -w" -o /jamf-ldap-proxy ./cmd/jamf-ldap-proxy

FROM scratch
LABEL org.opencontainers.image.title="jamf-ldap-proxy" \
      org.opencontainers.image.description="LDAP proxy between Jamf Pro and JumpCloud" \
      org.opencontainers.image.licenses="MIT"
# Public roots, so that ldap.jumpcloud.com can be verified.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /jamf-ldap-proxy /jamf-ldap-proxy
USER 65532:65532
# ldap, ldaps, metrics. Listeners are on loopback unless the configuration says otherwise.
EXPOSE 1389 1636 8389
ENTRYPOINT ["/jamf-ldap-proxy"]
CMD ["serve", "--config", "/etc/jamf-ldap-proxy/config.yaml"]
