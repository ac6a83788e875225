/**
 * The network: two zones of isolated subnets and no NAT.
 *
 * Only functions that speak to Postgres live here. S3 they reach by the gateway endpoint, which is free.
 * The rest by `settings.network.egress`:
 *
 * `ipv6`: an egress-only gateway. The documentation of SQS and SNS (developer guides, "Dual-stack endpoints")
 * and of KMS and STS names public dual-stack endpoints; SQS and SNS give the ordinary host for it, and the SDK
 * takes SQS's host from the queue's URL anyway. For SSM and Secrets Manager we found no such page: check in
 * your region (`dig AAAA ssm.<region>.api.aws`) before leaning on it, or choose `endpoints`. KMS and Scheduler answer
 * at kms.<region>.api.aws and scheduler.<region>.api.aws, which the SDK takes with AWS_USE_DUALSTACK_ENDPOINT. Lambda's
 * API is called from outside the VPC only. With AWS_USE_DUALSTACK_ENDPOINT S3's host is s3.dualstack.<region>; its
 * IPv4 addresses take the gateway endpoint, its IPv6 ones the egress-only gateway. Both cost nothing.
 *
 * `endpoints`: interface endpoints, paid by the hour, and no way out at all.
 */
import { Stack, type StackProps } from 'aws-cdk-lib';
import {
  CfnEgressOnlyInternetGateway,
  CfnRoute,
  FlowLogDestination,
  FlowLogTrafficType,
  GatewayVpcEndpointAwsService,
  InterfaceVpcEndpointAwsService,
  IpAddresses,
  IpProtocol,
  type IVpc,
  Peer,
  Port,
  SecurityGroup,
  SubnetType,
  Vpc,
} from 'aws-cdk-lib/aws-ec2';
import { LogGroup, type RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { Construct } from 'constructs';
import { valkeyPorts } from './parts/valkey.ts';
import type { Settings } from './settings.ts';

export class NetworkStack extends Stack {
  readonly vpc: Vpc;
  /** What functions that speak to Postgres wear. Rules of the database belong to the database's stack. */
  readonly client: SecurityGroup;

  constructor(scope: Construct, id: string, settings: Settings, props: StackProps) {
    super(scope, id, props);
    const ipv6 = settings.network.egress === 'ipv6';
    this.vpc = new Vpc(this, 'Vpc', {
      ipAddresses: IpAddresses.cidr(settings.network.cidr),
      ...(ipv6 ? { ipProtocol: IpProtocol.DUAL_STACK } : {}),
      maxAzs: 2,
      natGateways: 0,
      // CDK's own way needs a function and a role with wildcards; our groups never use the default one.
      restrictDefaultSecurityGroup: false,
      subnetConfiguration: [{ name: 'isolated', subnetType: SubnetType.PRIVATE_ISOLATED, cidrMask: 20 }],
      gatewayEndpoints: { s3: { service: GatewayVpcEndpointAwsService.S3 } },
    });
    this.client = new SecurityGroup(this, 'Client', {
      vpc: this.vpc as IVpc,
      description: 'Functions that speak to Postgres',
      allowAllOutbound: false,
    });
    this.client.addEgressRule(Peer.ipv4(settings.network.cidr), Port.tcp(5432), 'Postgres');
    if (settings.cache.valkey) this.client.addEgressRule(Peer.ipv4(settings.network.cidr), valkeyPorts, 'Valkey');
    this.client.addEgressRule(Peer.anyIpv4(), Port.tcp(443), 'AWS over TLS: S3 by the gateway, endpoints');
    if (ipv6) this.#letOut();
    else this.#makeEndpoints(settings);
    if (settings.network.flowLogs) this.#logRefusals(settings);
  }

  #letOut(): void {
    this.client.addEgressRule(Peer.anyIpv6(), Port.tcp(443), 'AWS over TLS: the rest by the egress-only gateway');
    const gateway = new CfnEgressOnlyInternetGateway(this, 'EgressOnly', { vpcId: this.vpc.vpcId });
    for (const [index, subnet] of this.vpc.isolatedSubnets.entries()) {
      new CfnRoute(this, `EgressOnlyRoute${index + 1}`, {
        routeTableId: subnet.routeTable.routeTableId,
        destinationIpv6CidrBlock: '::/0',
        egressOnlyInternetGatewayId: gateway.attrId,
      });
    }
  }

  #makeEndpoints(settings: Settings): void {
    const group = new SecurityGroup(this, 'Endpoints', {
      vpc: this.vpc as IVpc,
      description: 'Interface endpoints',
      allowAllOutbound: false,
    });
    group.addIngressRule(Peer.ipv4(settings.network.cidr), Port.tcp(443), 'From the VPC');
    const services = {
      Sqs: InterfaceVpcEndpointAwsService.SQS,
      Sns: InterfaceVpcEndpointAwsService.SNS,
      Ssm: InterfaceVpcEndpointAwsService.SSM,
      Kms: InterfaceVpcEndpointAwsService.KMS,
      Athena: InterfaceVpcEndpointAwsService.ATHENA,
      // Jobs of tenants have schedules. CDK has no constant for it.
      Scheduler: new InterfaceVpcEndpointAwsService('scheduler'),
      // Bootstrap reads the master user's secret.
      SecretsManager: InterfaceVpcEndpointAwsService.SECRETS_MANAGER,
    };
    for (const [name, service] of Object.entries(services)) {
      this.vpc.addInterfaceEndpoint(name, {
        service,
        open: false,
        securityGroups: [group],
        subnets: { subnetType: SubnetType.PRIVATE_ISOLATED },
      });
    }
  }

  #logRefusals(settings: Settings): void {
    const logGroup = new LogGroup(this, 'FlowLogs', {
      retention: settings.observe.logRetentionDays as RetentionDays,
    });
    this.vpc.addFlowLog('Refused', {
      trafficType: FlowLogTrafficType.REJECT,
      destination: FlowLogDestination.toCloudWatchLogs(logGroup),
    });
  }
}
