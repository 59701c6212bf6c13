# The collector, built from the module that the native one is built from: the official image lacks three of its
# components. Built from the root of the checkout, with or without BuildKit.
FROM golang:1.26.8-bookworm AS build
WORKDIR /src
COPY compose/tools/otelcol/go.mod compose/tools/otelcol/go.sum ./
RUN go mod download
COPY compose/tools/otelcol ./
RUN CGO_ENABLED=0 go build -mod=readonly -trimpath -buildvcs=false -ldflags "-s -w" -o /otelcol .

FROM alpine:3.22.2
COPY --from=build /otelcol /otelcol
USER 10001:10001
ENTRYPOINT ["/otelcol"]
