{{- define "kos.image" -}}
{{ required "image.repository names where the images are" .root.Values.image.repository }}/{{ .name }}:{{ .root.Values.image.tag | default .root.Chart.AppVersion }}
{{- end }}

{{- define "kos.port" -}}
{{- get (dict "account" 8081 "content" 8082 "lead" 8083) . -}}
{{- end }}

{{- define "kos.workerPort" -}}
{{- get (dict "account" 8181 "content" 8182 "lead" 8183) . -}}
{{- end }}

{{- define "kos.selector" -}}
app.kubernetes.io/name: kos
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- define "kos.labels" -}}
{{ include "kos.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ .root.Chart.Name }}-{{ .root.Chart.Version }}
{{- end }}

{{- define "kos.podAnnotations" -}}
prometheus.io/scrape: "true"
prometheus.io/port: {{ .port | quote }}
prometheus.io/path: /metrics
{{- with .root.Values.podAnnotations }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "kos.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "kos.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{- define "kos.placement" -}}
{{- with .root.Values.image.pullSecrets }}
imagePullSecrets: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with .root.Values.nodeSelector }}
nodeSelector: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with .root.Values.tolerations }}
tolerations: {{ toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "kos.spread" -}}
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels: {{ include "kos.selector" . | nindent 8 }}
{{- end }}

{{- define "kos.probes" -}}
startupProbe:
  httpGet: {path: /healthz, port: {{ . }}}
  periodSeconds: 1
  failureThreshold: 60
livenessProbe:
  httpGet: {path: /healthz, port: {{ . }}}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
readinessProbe:
  httpGet: {path: /readyz, port: {{ . }}}
  periodSeconds: 2
  timeoutSeconds: 5
  failureThreshold: 2
{{- end }}

{{/* what the gateway and the services have in common; .prefix is ACCOUNT, … */}}
{{- define "kos.commonEnv" -}}
- {name: KOS_SECRETS_DIR, value: /run/secrets/kos}
- {name: {{ .prefix }}_ENVIRONMENT, value: {{ .root.Values.environment | quote }}}
- {name: {{ .prefix }}_HOST, value: 0.0.0.0}
- {name: {{ .prefix }}_DRAIN_SECONDS, value: {{ .root.Values.drainSeconds | quote }}}
- {name: {{ .prefix }}_KAFKA_BOOTSTRAP, value: {{ required "kafka.bootstrap names the brokers" .root.Values.kafka.bootstrap | quote }}}
- {name: {{ .prefix }}_OIDC_ISSUER, value: {{ required "oidc.issuer issues the access tokens" .root.Values.oidc.issuer | quote }}}
- {name: {{ .prefix }}_OIDC_AUDIENCE, value: {{ .root.Values.oidc.audience | quote }}}
- {name: {{ .prefix }}_OIDC_JWKS_URL, value: {{ required "oidc.jwksUrl has the issuer's keys" .root.Values.oidc.jwksUrl | quote }}}
- {name: {{ .prefix }}_SERVICE_SECRET_FILE, value: /run/secrets/kos/service_secret}
{{- with .root.Values.otlpEndpoint }}
- {name: {{ $.prefix }}_OTLP_ENDPOINT, value: {{ . | quote }}}
{{- end }}
{{- end }}

{{- define "kos.serviceEnv" -}}
{{- $prefix := upper .service -}}
{{ include "kos.commonEnv" (dict "root" .root "prefix" $prefix) }}
- {name: {{ $prefix }}_KEK_FILE, value: /run/secrets/kos/{{ .service }}_kek}
- {name: {{ $prefix }}_INDEX_KEY_FILE, value: /run/secrets/kos/{{ .service }}_index}
- {name: {{ $prefix }}_AUDIT_KEY_FILE, value: /run/secrets/kos/{{ .service }}_audit}
{{- if eq .service "content" }}
- {name: CONTENT_ASSET_STORE_URL, value: {{ required "services.content.assetStoreUrl says where assets lie" .values.assetStoreUrl | quote }}}
{{- end }}
{{- range $name, $value := .values.env }}
- {name: {{ $name }}, value: {{ $value | quote }}}
{{- end }}
{{- end }}

{{- define "kos.mounts" -}}
- {name: secrets, mountPath: /run/secrets/kos, readOnly: true}
- {name: tmp, mountPath: /tmp}
{{- end }}

{{/* .secrets are names of existing secrets, whose keys become files side by side */}}
{{- define "kos.volumes" -}}
- name: secrets
  projected:
    defaultMode: 0440
    sources:
      {{- range .secrets }}
      - secret: {name: {{ . }}}
      {{- end }}
- name: tmp
  emptyDir: {sizeLimit: 512Mi}
{{- end }}
