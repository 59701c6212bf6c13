# The Spring service and its OpenTelemetry agent, at the paths of a checkout. Built from the root of the checkout.
FROM maven:3.9.9-eclipse-temurin-17 AS build
WORKDIR /srv/nextphase
COPY services/inventory/pom.xml services/inventory/pom.xml
COPY services/inventory/src services/inventory/src
RUN --mount=type=cache,target=/root/.m2 mvn -q -B -f services/inventory/pom.xml package -DskipTests

FROM eclipse-temurin:17.0.17_10-jre-noble
ENV LANG=C.UTF-8 \
    MALLOC_ARENA_MAX=2
WORKDIR /srv/nextphase
COPY --from=build /srv/nextphase/services/inventory/target/lib services/inventory/target/lib
COPY --from=build /srv/nextphase/services/inventory/target/*.jar services/inventory/target/
COPY --chmod=755 compose/images/ready /usr/local/bin/ready
USER 10000:10000
