# A static binary on an empty image, as a user that is not root. The root file system may be read-only: only a journal is written, to
# /var/lib/jamf-ldap-proxy if it is there. docs/containers.md says how to use it.
#
#   docker build --build-arg VERSION=v1.2.3 --build-arg REVISION=$(git rev-parse HEAD) -t jamf-ldap-proxy:v1.2.3 .

# It compiles for the other platform instead of emulating it.
FROM --platform=$BUILDPLATFORM golang:1.26.8 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION TARGETOS TARGETARCH
RUN CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH go build -trimpath -ldflags="-s -w -X main.release=$VERSION" -o /out/jamf-ldap-proxy ./cmd/jamf-ldap-proxy
RUN mkdir /out/state

FROM scratch
ARG VERSION REVISION
LABEL org.opencontainers.image.title="jamf-ldap-proxy" \
      org.opencontainers.image.description="LDAP proxy between Jamf Pro and JumpCloud" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION" \
      org.opencontainers.image.licenses="MIT"
# Public roots, so that ldap.jumpcloud.com can be verified.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /src/LICENSE /usr/share/doc/jamf-ldap-proxy/LICENSE
COPY --from=build /src/deploy/container/config.yaml /etc/jamf-ldap-proxy/config.yaml
# A new volume takes its owner from here.
COPY --from=build --chown=65532:65532 /out/state /var/lib/jamf-ldap-proxy
COPY --from=build /out/jamf-ldap-proxy /usr/bin/jamf-ldap-proxy
ENV PATH=/usr/bin
USER 65532:65532
# ldap, ldaps, page and metrics.
EXPOSE 1389 1636 8389
HEALTHCHECK --interval=10s --timeout=5s --start-period=15s CMD ["jamf-ldap-proxy", "health", "--config", "/etc/jamf-ldap-proxy/config.yaml"]
ENTRYPOINT ["jamf-ldap-proxy"]
CMD ["serve", "--config", "/etc/jamf-ldap-proxy/config.yaml"]
