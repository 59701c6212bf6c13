# The Spring service and its OpenTelemetry agent, at the paths of a checkout. Built from the root of the checkout, with or
# without BuildKit.
FROM maven:3.9.9-eclipse-temurin-17 AS build
WORKDIR /srv/nextphase
COPY services/inventory/pom.xml services/inventory/pom.xml
RUN mvn -q -B -f services/inventory/pom.xml dependency:go-offline
COPY services/inventory/src services/inventory/src
RUN mvn -q -B -f services/inventory/pom.xml package -DskipTests
COPY compose/images/ready bin/ready
RUN chmod -R a+rX services/inventory/target && chmod 755 bin/ready

FROM eclipse-temurin:17.0.17_10-jre-noble
ENV LANG=C.UTF-8 \
    PATH=/srv/nextphase/bin:$PATH \
    MALLOC_ARENA_MAX=2
WORKDIR /srv/nextphase
COPY --from=build /srv/nextphase/bin bin
COPY --from=build /srv/nextphase/services/inventory/target/lib services/inventory/target/lib
COPY --from=build /srv/nextphase/services/inventory/target/*.jar services/inventory/target/
USER 10000:10000
